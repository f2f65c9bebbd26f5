"""BERT as a classifier of texts."""

from collections.abc import Sequence

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.parts import initializer_of, pooled_output_of


def text_classifier(
    encoder: keras.Model,
    num_classes: int | None = None,
    dropout: float = 0.1,
    name: str = "text_classifier",
    labels: Sequence[str] | None = None,
    problem_type: str | None = None,
) -> keras.Model:
    """The encoder under a classification head on the pooled output.

    Where the pooler reads the first position only, as BERT's does, the last block computes nothing for the others but
    keys and values: with six blocks a seventh of the work falls away, forward and backward, and the logits stay.

    Args:
        encoder: from `bert_encoder`. Its layers are shared with the new model, not copied.
        num_classes: int > 0. Number of classes C; 1 for a regression or a single sigmoid. Defaults to `None`: the
            number of `labels`.
        dropout: float in [0, 1). Before the head. Defaults to 0.1.
        name: of the model. Defaults to `"text_classifier"`.
        labels: str [C]. Names of the classes in the order of the logits; they are saved with the model. Defaults to
            `None`.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`: what the logits mean, for serving and other
            libraries. Defaults to `None`: one class is a regression, more are single-label.

    Returns:
        A functional model. Inputs: those of the encoder. Output: the logits, float [B, C].

    Raises:
        ValueError: if `encoder` has no `pooled_output`, or an argument is out of range.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> text_classifier(bert_encoder(config), num_classes=3).output.shape
        (None, 3)

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.1.
    """
    pooled = pooled_output_of(encoder)
    head = layers.ClassificationHead(
        num_classes, dropout, initializer_of(encoder), labels, problem_type, name="classification"
    )
    return keras.Model(encoder.input, head(pooled), name=name)
