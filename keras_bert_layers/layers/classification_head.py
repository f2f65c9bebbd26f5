"""The head that classifies a whole sequence, or one position at a time."""

import keras

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class ClassificationHead(keras.layers.Layer):
    """W dropout(p) + b: a logit for each class from one vector a sequence.

    With `num_classes=1` it is a regression head, or a binary one for a sigmoid.

    Args:
        num_classes: int > 0. Number of classes C.
        dropout: float in [0, 1). Applied to the input. Defaults to 0.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, H], the output of `Pooler` or `Pooling`.
        training: bool. Whether dropout is active.

    Returns:
        float [B, C].

    Raises:
        ValueError: if `num_classes` is not positive or `dropout` not in [0, 1).

    Example:
        >>> import numpy as np
        >>> ClassificationHead(num_classes=5)(np.zeros((3, 4), "float32")).shape
        TensorShape([3, 5])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.1 and figure 4.
    """

    def __init__(self, num_classes: int, dropout: float = 0.0, kernel_initializer=BERT_INITIALIZER, **kwargs):
        super().__init__(**kwargs)
        check_positive(type(self).__name__, num_classes=num_classes)
        check_rate(type(self).__name__, dropout=dropout)
        self.supports_masking = True
        self.num_classes = num_classes
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

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
        }
