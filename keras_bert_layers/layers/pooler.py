"""BERT's summary of a sequence."""

import keras

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Pooler(keras.layers.Layer):
    """activation(W x[0] + b): the first position ([CLS]), transformed, as the summary of the sequence.

    It reads one position, which is always a real token, so it needs no mask; its output has none.

    Args:
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        activation: str or callable. Defaults to `"tanh"`, BERT's; ELECTRA's classifier has `"gelu"`, DistilBERT's
            `"relu"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].

    Returns:
        float [B, H].

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

    def build(self, inputs_shape):
        self.dense = Linear(
            inputs_shape[-1],
            activation=self.activation,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="dense",
        )
        self.dense.build((inputs_shape[0], inputs_shape[-1]))

    def call(self, inputs):
        return self.dense(inputs[:, 0])

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "activation": keras.activations.serialize(self.activation),
        }
