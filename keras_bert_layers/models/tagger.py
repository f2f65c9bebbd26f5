"""BERT as a classifier of tokens."""

from collections.abc import Sequence

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import initializer_of, output_of


def token_classifier(
    encoder: keras.Model,
    num_classes: int | None = None,
    dropout: float = 0.1,
    name: str = "token_classifier",
    labels: Sequence[str] | None = None,
) -> keras.Model:
    """The encoder under a classification head at every position, for entities or parts of speech.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        num_classes: int > 0. Number of classes C. Defaults to `None`: the number of `labels`.
        dropout: float in [0, 1). Before the head. Defaults to 0.1.
        name: of the model. Defaults to `"token_classifier"`.
        labels: str [C]. Names of the classes in the order of the logits; they are saved with the model. Defaults to
            `None`.

    Returns:
        A functional model. Inputs: those of the encoder. Output: the logits, float [B, S, C].

    Raises:
        ValueError: if `encoder` has no `sequence_output`, or an argument is out of range.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> token_classifier(bert_encoder(config), num_classes=9).output.shape
        (None, None, 9)

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 5.3.
    """
    sequence = output_of(encoder, "sequence_output")
    head = layers.TokenClassificationHead(
        num_classes, dropout, initializer_of(encoder), labels, name="token_classification"
    )
    return keras.Model(encoder.input, head(sequence), name=name)
