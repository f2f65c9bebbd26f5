"""The dense layer that every projection here is made of."""

import keras

from keras_bert_layers import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Linear(keras.layers.Dense):
    """activation(x W + b) over the last axis: `keras.layers.Dense`, computed in the form that fuses.

    All of Dense is here (`enable_lora`, regularizers, constraints); only the product differs. Positions do not mix, so
    it needs no mask and passes one on unchanged.

    Args:
        units: int > 0. Width O of the output.
        activation: str or callable. Defaults to `None`, the identity.
        **kwargs: the other arguments of `keras.layers.Dense`.

    Call arguments:
        inputs: float [..., I], at least of rank 2.

    Returns:
        float [..., O].

    Raises:
        ValueError: if `units` is not positive.

    Example:
        >>> import numpy as np
        >>> Linear(8)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 8])
    """

    def call(self, inputs, training=None):
        return ops.linear(inputs, self.kernel, self.bias, self.activation)
