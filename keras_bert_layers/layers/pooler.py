"""BERT's summary of a sequence."""

import keras

from keras_bert_layers import ops
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Pooler(keras.layers.Layer):
    """activation(W x[0] + b): the first position ([CLS]), transformed, as the summary of the sequence.

    It reads one position, which is always a real token, so it needs no mask; its output has none. In packed rows each
    sequence has its own first position, given by `positions`.

    Args:
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        activation: str or callable. Defaults to `"tanh"`, BERT's; ELECTRA's classifier has `"gelu"`, DistilBERT's
            `"relu"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        positions: int [B, K]; where the sequences of a packed row begin, padded with -1. Defaults to `None`: at 0.

    Returns:
        float [B, H], or [B, K, H] with `positions`.

    Example:
        >>> import numpy as np
        >>> Pooler()(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 4])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), sections 3 and 4.1, and the released code's `pooler`.
    """

    def __init__(self, kernel_initializer=BERT_INITIALIZER, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.activation = keras.activations.get(activation)

    def build(self, inputs_shape, positions_shape=None):
        self.dense = Linear(
            inputs_shape[-1],
            activation=self.activation,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((inputs_shape[0], inputs_shape[-1]))

    def call(self, inputs, positions=None):
        return self.dense(inputs[:, 0] if positions is None else ops.gather_positions(inputs, positions))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape, positions_shape=None):
        return (*(positions_shape or inputs_shape[:1]), inputs_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "activation": keras.activations.serialize(self.activation),
        }
