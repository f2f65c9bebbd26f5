"""The matrix product that most of a transformer's time goes into."""

from collections.abc import Callable

import keras
from keras import ops

from keras_bert_layers.ops.activations import activate


def linear(inputs, kernel, bias=None, activation: Callable | None = None):
    """activation(x W + b), as one two-dimensional product over all positions.

    Args:
        inputs: float [..., I].
        kernel: float [I, O].
        bias: float [O]. Defaults to none.
        activation: function of a tensor. Defaults to the identity.

    Returns:
        float [..., O].
    """
    # On CPU a rank-2 product fuses with what follows it; Keras' product of higher rank does not.
    outputs = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    if bias is not None:
        outputs = _add_bias(outputs, bias)
    if activation is not None:
        outputs = activate(activation, outputs)
    if len(inputs.shape) == 2:
        return outputs
    return ops.reshape(outputs, (*ops.shape(inputs)[:-1], kernel.shape[-1]))


def _add_bias(outputs, bias):
    if keras.backend.backend() != "tensorflow":
        return ops.add(outputs, bias)
    import tensorflow as tf

    # Only BiasAdd lets TensorFlow fuse the activation as well; a plain `+` does not.
    return tf.nn.bias_add(outputs, bias)
