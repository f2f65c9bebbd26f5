"""The BERT encoder as a functional model."""

import keras

from keras_bert_layers import layers, ops
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.parts import encoder_inputs


def bert_encoder(
    config: BertConfig, pooler: bool | keras.layers.Layer = True, name: str = "bert_encoder", packed: bool = False
) -> keras.Model:
    """BERT without a head: embeddings, the encoder blocks, and the pooler.

    Args:
        config: the sizes and settings.
        pooler: whether the model ends in a Pooler, or a layer to use as such, [B, S, H] -> [B, H]. Defaults to `True`.
        name: of the model. Defaults to `"bert_encoder"`.
        packed: bool. Whether a row holds several sequences, none of which sees another: the model then also takes
            `position_ids` and `pack_ids`, int32 [B, S], and `sequence_starts`, int32 [B, K], padded with -1, which a
            pooler reads. The weights are those of an encoder that is not packed. Defaults to `False`.

    Returns:
        A functional model. Inputs, int32 [B, S] each, by name: `token_ids`, `segment_ids` (of no effect if the config
        has `num_segments=0`), `padding_mask` (1 = a real token). Outputs, by name: `sequence_output` float [B, S, H]
        and, with a pooler, `pooled_output` float [B, H], or [B, K, H] if packed. Its layers are `embeddings`
        (BertEmbeddings), `encoder` (EncoderStack) and the pooler, `pooler` (Pooler).

    Raises:
        ValueError: if `config` is not a BertConfig.

    Example:
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> encoder = bert_encoder(config)
        >>> {name: output.shape for name, output in encoder.output.items()}
        {'sequence_output': (None, None, 8), 'pooled_output': (None, 8)}

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3; packed rows: Krell et al. 2021 (arXiv:2107.02027).
    """
    # The configuration of another kind of BERT (an AlbertConfig) asks for more than is built here.
    if type(config) is not BertConfig:
        raise ValueError(
            f"`config` must be a BertConfig, such as BertConfig.from_preset('bert_tiny_uncased'). Received: {config!r}."
        )
    heads = config.heads_per_layer or [config.num_heads] * config.num_layers
    blocks = [bert_block(config, f"block_{number}", heads[number]) for number in range(config.num_layers)]
    return encoder_around(layers.EncoderStack(blocks, name="encoder"), config, pooler, name, packed)


def encoder_around(
    stack: layers.EncoderStack, config: BertConfig, pooler: bool | keras.layers.Layer, name: str, packed: bool = False
) -> keras.Model:
    """The functional model of BERT's embeddings, these blocks, and a pooler if wanted."""
    initializer = initializer_from(config)
    embeddings = layers.BertEmbeddings(
        config.vocabulary_size,
        config.hidden_dim,
        config.max_sequence_length,
        config.num_segments,
        embedding_dim=config.embedding_dim,
        dropout=config.dropout,
        layer_norm_epsilon=config.layer_norm_epsilon,
        embeddings_initializer=initializer,
        name="embeddings",
    )
    if pooler is True:
        pooler = layers.Pooler(initializer, name="pooler")
    inputs = encoder_inputs(packed)
    segment_ids = inputs["segment_ids"] if config.num_segments else None
    x = embeddings(inputs["token_ids"], segment_ids=segment_ids, position_ids=inputs.get("position_ids"))
    x = stack(x, padding_mask=inputs["padding_mask"], pack_ids=inputs.get("pack_ids"))
    outputs = {"sequence_output": x}
    if pooler:
        outputs["pooled_output"] = pooler(x, positions=inputs["sequence_starts"]) if packed else pooler(x)
    return keras.Model(inputs, outputs, name=name)


def bert_block(config: BertConfig, name: str, num_heads: int) -> layers.TransformerEncoder:
    """One encoder block of these sizes; with fewer heads than the config's, of their size."""
    initializer = initializer_from(config)
    attention = None
    if config.attention_dropout != config.dropout or num_heads != config.num_heads:
        attention = layers.SelfAttention(
            num_heads,
            config.dropout,
            config.attention_dropout,
            initializer,
            head_dim=None if num_heads == config.num_heads else config.hidden_dim // config.num_heads,
            name="attention",
        )
    return layers.TransformerEncoder(
        config.intermediate_dim,
        num_heads,
        config.dropout,
        ops.gelu_tanh if config.activation == "gelu_tanh" else config.activation,
        config.layer_norm_epsilon,
        initializer,
        attention=attention,
        name=name,
    )


def initializer_from(config: BertConfig) -> keras.initializers.Initializer:
    """What this configuration draws its weight matrices from."""
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)
