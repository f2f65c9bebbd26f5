"""BERT as a maker of sentence vectors."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import first_position_of, output_of


def text_embedder(
    encoder: keras.Model, pooling: str = "mean", normalize: bool = True, name: str = "text_embedder"
) -> keras.Model:
    """The encoder under a pooling over its real tokens: one vector for a text.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        pooling: `"mean"`, `"max"` or `"cls"` (the first position, before BERT's pooler). Defaults to `"mean"`.
        normalize: bool. Whether vectors have length 1, so that a dot product is their cosine. Defaults to `True`.
        name: of the model. Defaults to `"text_embedder"`.

    Returns:
        A functional model. Inputs: those of the encoder. Output: float [B, H].

    Raises:
        ValueError: if `encoder` has no `sequence_output`, or `pooling` is unknown.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> text_embedder(bert_encoder(config)).output.shape
        (None, 8)

    Reference:
        Reimers and Gurevych 2019, Sentence-BERT (arXiv:1908.10084), section 3.
    """
    pool = layers.Pooling(pooling, name="pooling")
    sequence = output_of(encoder, "sequence_output")
    if pooling == "cls":
        sequence = first_position_of(sequence)
    vectors = pool(sequence, padding_mask=encoder.input["padding_mask"])
    if normalize:
        vectors = keras.layers.UnitNormalization(name="normalize")(vectors)
    return keras.Model(encoder.input, vectors, name=name)
