"""What the logits of a classifier mean: kept with its head, so that it goes wherever the model goes."""

import keras

from keras_bert_layers import layers


def classifier_head(model: keras.Model) -> layers.ClassificationHead | None:
    """The layer that makes a classifier's logits, or None if the model is no classifier."""
    heads = (layer for layer in reversed(model.layers) if isinstance(layer, layers.ClassificationHead))
    return next(heads, None)


def labels_of(model: keras.Model) -> list[str] | None:
    """The names of a classifier's classes, in the order of its logits.

    Args:
        model: any; of `text_classifier` or `token_classifier`, or loaded from a file of one.

    Returns:
        A list of C names; None if the model has none, or is no classifier.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_classifier
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> labels_of(text_classifier(bert_encoder(config), labels=["bad", "good"]))
        ['bad', 'good']
    """
    head = classifier_head(model)
    return None if head is None or head.labels is None else list(head.labels)


def problem_type_of(model: keras.Model) -> str | None:
    """What the logits of a classifier mean: `"single_label"`, `"multi_label"` or `"regression"`.

    Args:
        model: any.

    Returns:
        The word that its head was built with, or None if the model is no classifier.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_classifier
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> problem_type_of(text_classifier(bert_encoder(config), num_classes=1))
        'regression'
    """
    head = classifier_head(model)
    return None if head is None else head.problem_type
