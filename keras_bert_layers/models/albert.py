"""ALBERT: BERT's blocks with shared weights, over factorised embeddings."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.albert_config import AlbertConfig
from keras_bert_layers.models.encoder import bert_block, encoder_around


def albert_encoder(
    config: AlbertConfig, pooler: bool | keras.layers.Layer = True, name: str = "albert_encoder"
) -> keras.Model:
    """ALBERT without a head: embeddings of another width, projected to the model's, and blocks applied several times.

    Under `masked_lm`, `bert_pretrainer` (whose `next_sentence` is ALBERT's sentence order: 0 = the segments stand in
    their order, 1 = they are swapped) and the builders of the other heads it is used like a `bert_encoder`.

    Args:
        config: the sizes and settings.
        pooler: whether the model ends in a Pooler, or a layer to use as such, [B, S, H] -> [B, H]. Defaults to `True`.
        name: of the model. Defaults to `"albert_encoder"`.

    Returns:
        A functional model with the inputs, outputs and layers of a `bert_encoder`.

    Raises:
        ValueError: if `config` is not an AlbertConfig.

    Example:
        >>> config = AlbertConfig(vocabulary_size=10, embedding_dim=4, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> encoder = albert_encoder(config)
        >>> len(encoder.get_layer("encoder").blocks), len(encoder.get_layer("encoder").order)
        (1, 12)

    Reference:
        Lan et al. 2020, ALBERT (arXiv:1909.11942), section 3.1.
    """
    if not isinstance(config, AlbertConfig):
        raise ValueError(
            f"`config` must be an AlbertConfig, such as AlbertConfig.from_preset('albert_base'). Received: {config!r}."
        )
    heads = config.heads_per_layer or [config.num_heads] * len(config.order)
    blocks = [
        bert_block(
            config,
            f"group_{group}_block_{block}",
            heads[config.order.index(group * config.blocks_per_group + block)],
        )
        for group in range(config.num_groups)
        for block in range(config.blocks_per_group)
    ]
    return encoder_around(layers.EncoderStack(blocks, config.order, name="encoder"), config, pooler, name)
