"""The head that classifies a whole sequence, or one position at a time."""

from collections.abc import Sequence

import keras

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive, check_rate

# What the logits of a text mean; a checkpoint and a served model are told by it.
PROBLEM_TYPES = ("single_label", "multi_label", "regression")


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class ClassificationHead(keras.layers.Layer):
    """W dropout(p) + b: a logit for each class from one vector a sequence.

    With `num_classes=1` it is a regression head, or a binary one for a sigmoid.

    What the logits mean is kept with the layer, and so in every saved model; it changes no number.

    Args:
        num_classes: int > 0. Number of classes C. Defaults to `None`: the number of `labels`.
        dropout: float in [0, 1). Applied to the input. Defaults to 0.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        labels: str [C]. Names of the classes, in the order of the logits. Defaults to `None`: without names.
        problem_type: `"single_label"` (a softmax: one of the classes), `"multi_label"` (a sigmoid each: any number of
            them) or `"regression"` (numbers). Defaults to `None`: one class is a regression, more are single-label.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, H], the output of `Pooler` or `Pooling`.
        training: bool. Whether dropout is active.

    Returns:
        float [B, C].

    Raises:
        ValueError: if `num_classes` is not positive or not the number of `labels`, `dropout` not in [0, 1), `labels`
            are empty or not distinct, or `problem_type` is unknown.

    Example:
        >>> import numpy as np
        >>> ClassificationHead(num_classes=5)(np.zeros((3, 4), "float32")).shape
        TensorShape([3, 5])
        >>> head = ClassificationHead(labels=["no", "yes"])
        >>> head.num_classes, head.problem_type
        (2, 'single_label')

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.1 and figure 4.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        dropout: float = 0.0,
        kernel_initializer=BERT_INITIALIZER,
        labels: Sequence[str] | None = None,
        problem_type: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_classes is None and labels is None:
            raise ValueError(f"{type(self).__name__} needs `num_classes`, or the names of its classes, `labels`.")
        num_classes = len(labels) if num_classes is None else num_classes
        check_positive(type(self).__name__, num_classes=num_classes)
        check_rate(type(self).__name__, dropout=dropout)
        self.supports_masking = True
        self.num_classes = num_classes
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.labels = None
        self.problem_type = "regression" if num_classes == 1 else "single_label"
        self.describe_classes(labels, problem_type)

    def describe_classes(self, labels: Sequence[str] | None = None, problem_type: str | None = None) -> None:
        """Names the classes, or says what the logits mean, of a head that is there; None leaves it as it is."""
        owner = type(self).__name__
        if labels is not None:
            self.labels = _checked(labels, self.num_classes, owner)
        if problem_type is not None:
            if problem_type not in PROBLEM_TYPES:
                raise ValueError(
                    f"`problem_type` of {owner} must be one of {', '.join(PROBLEM_TYPES)}. Received: {problem_type!r}."
                )
            self.problem_type = problem_type

    def build(self, inputs_shape):
        self.input_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        self.logits = Linear(
            self.num_classes,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="logits",
        )
        self.logits.build(inputs_shape)

    def call(self, inputs, training=None):
        return self.logits(self.input_dropout(inputs, training=training))

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], self.num_classes)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "labels": None if self.labels is None else list(self.labels),
            "problem_type": self.problem_type,
        }


def _checked(labels, num_classes, owner):
    """The labels as a tuple, or an error that says what is wrong with them."""
    if isinstance(labels, str) or not all(isinstance(label, str) and label.strip() for label in labels):
        raise ValueError(f"`labels` of {owner} must be names, none of them empty. Received: {labels!r}.")
    labels = tuple(labels)
    if len(labels) != num_classes:
        raise ValueError(
            f"`labels` must name the {num_classes} classes of {owner}, in the order of its logits. "
            f"Received {len(labels)}: {list(labels)}."
        )
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ValueError(f"`labels` of {owner} must be distinct. These come more than once: {', '.join(repeated)}.")
    return labels
