"""Activations: one that Keras has no name for, and gradients of fewer passes for those of BERT."""

import math
from collections.abc import Callable

import keras
from keras import ops

from keras_bert_layers.ops.tracing import is_recorded


@keras.saving.register_keras_serializable(package="keras_bert_layers")
def gelu_tanh(inputs):
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), the approximate GELU (Hendrycks and Gimpel 2016, section 2).

    Google's BERT and Hugging Face's `"gelu"` are the exact form, `"gelu"` here too; this one is Hugging Face's
    `"gelu_new"` and what keras-hub computes.
    """
    return keras.activations.gelu(inputs, approximate=True)


def activate(activation: Callable, inputs):
    """activation(inputs); of the two forms of GELU, with its derivative computed on the way forward.

    A derivative put together from those of the operations takes about twenty passes over the widest activations of a
    transformer, and keeps half a dozen of them in memory; this one takes half of them, and keeps the derivative only.
    """
    derivative = {keras.activations.gelu: _gelu, gelu_tanh: _gelu_tanh}.get(activation)
    if derivative is None or not is_recorded():
        return activation(inputs)

    @ops.custom_gradient
    def activated(x):
        outputs, slope = derivative(x)
        return outputs, lambda upstream: upstream * slope

    return activated(inputs)


def _gelu(x):
    """x Φ(x) and its derivative Φ(x) + x φ(x), Φ and φ the normal distribution and its density."""
    share = 0.5 + 0.5 * ops.erf(x * math.sqrt(0.5))
    density = ops.exp(-0.5 * ops.square(x)) * (1 / math.sqrt(2 * math.pi))
    return x * share, share + x * density


def _gelu_tanh(x):
    """x s and its derivative s + 2 x s (1 - s) u', with u the argument of tanh and s = (1 + tanh u) / 2."""
    square = ops.square(x)
    factor = math.sqrt(2 / math.pi)
    share = 0.5 + 0.5 * ops.tanh(x * (factor + factor * 0.044715 * square))
    outputs = x * share
    return outputs, share + outputs * (1 - share) * (2 * factor + 6 * factor * 0.044715 * square)
