"""DistilBERT: BERT without segments, summarised by another pooler."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.encoder import bert_encoder, initializer_from


def distilbert_encoder(
    config: BertConfig, pooler: bool | keras.layers.Layer = False, name: str = "distilbert_encoder"
) -> keras.Model:
    """DistilBERT without a head: a BERT that reads no segments and has a pooler only under a text classifier.

    Args:
        config: the sizes and settings, with `num_segments=0`.
        pooler: whether the model ends in a Pooler with `"relu"` (what a DistilBERT text classifier begins with), or a
            layer to use as such, [B, S, H] -> [B, H]. Defaults to `False`.
        name: of the model. Defaults to `"distilbert_encoder"`.

    Returns:
        A functional model with the inputs, outputs and layers of a `bert_encoder`; `segment_ids` are of no effect.

    Raises:
        ValueError: if `config` is not a BertConfig, or has segments.

    Example:
        >>> config = BertConfig(num_segments=0, num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=16)
        >>> {name: output.shape for name, output in distilbert_encoder(config, pooler=True).output.items()}
        {'sequence_output': (None, None, 8), 'pooled_output': (None, 8)}

    Reference:
        Sanh et al. 2019, DistilBERT (arXiv:1910.01108), section 3; the pooler is the released code's `pre_classifier`.
    """
    if getattr(config, "num_segments", 0):
        raise ValueError(
            f"A DistilBERT has no segments: build its BertConfig with num_segments=0. Received: {config.num_segments}."
        )
    if pooler is True:
        pooler = layers.Pooler(initializer_from(config), "relu", name="pooler")
    return bert_encoder(config, pooler, name)
