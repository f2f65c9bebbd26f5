"""Layer normalization (Ba, Kiros and Hinton 2016, arXiv:1607.06450)."""

import functools

import keras
from keras import ops

from keras_bert_layers.ops.tracing import is_recorded, runs_here_only


def layer_norm(inputs, gamma, beta=None, epsilon: float = 1e-12):
    """γ (x - μ) / √(σ² + ε) + β over the last axis (eqs. 3 and 4), computed in float32.

    Its gradient is written out, with x̂ the normalized x and δ = γ dy: dx = (δ - mean(δ) - x̂ mean(δ x̂)) / √(σ² + ε).

    Args:
        inputs: float [..., H].
        gamma: float [H].
        beta: float [H]. Defaults to none.
        epsilon: float > 0. Defaults to 1e-12.

    Returns:
        float [..., H] in the dtype of `inputs`.
    """
    if beta is not None and not is_recorded() and runs_here_only() and _has_kernel():
        known = keras.backend.standardize_dtype(inputs.dtype) in ("float32", "bfloat16")
        outputs = _in_kernel(inputs if known else ops.cast(inputs, "float32"), gamma, beta, epsilon)
        return ops.cast(outputs, inputs.dtype)
    weights = [ops.cast(weight, "float32") for weight in (gamma, beta) if weight is not None]
    x = ops.cast(inputs, "float32")
    if is_recorded():
        normalized = _with_gradient(epsilon)(x, *weights)
    else:
        normalized = _scaled(_normalized(x, epsilon)[0], *weights)
    return ops.cast(normalized, inputs.dtype)


def _normalized(x, epsilon):
    """(x - μ) / √(σ² + ε), and 1 / √(σ² + ε)."""
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    scale = ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + epsilon)
    return centred * scale, scale


def _scaled(normalized, gamma, beta=None):
    outputs = normalized * gamma
    return outputs if beta is None else outputs + beta


def _with_gradient(epsilon):
    @ops.custom_gradient
    def layer_norm(x, gamma, beta=None):
        normalized, scale = _normalized(x, epsilon)

        def gradient(upstream):
            inner = upstream * gamma
            inner = (
                inner
                - ops.mean(inner, axis=-1, keepdims=True)
                - normalized * ops.mean(inner * normalized, axis=-1, keepdims=True)
            )
            axes = tuple(range(len(x.shape) - 1))
            of_weights = [ops.sum(upstream * normalized, axis=axes), ops.sum(upstream, axis=axes)]
            return (inner * scale, *of_weights[: 1 if beta is None else 2])

        return _scaled(normalized, gamma, beta), gradient

    return layer_norm


def _in_kernel(x, gamma, beta, epsilon):
    """As the normalization of a batch of one whose channels are the positions, which oneDNN fuses with γ and β.

    Channels before the rest (NCHW) are what other builds of TensorFlow refuse on a CPU. Of what is in half precision,
    the kernel too computes in float32.
    """
    import tensorflow as tf

    rows = tf.size(x) // x.shape[-1]
    normalized = tf.raw_ops.FusedBatchNormV3(
        x=tf.reshape(x, (1, rows, x.shape[-1], 1)),
        scale=tf.ones(rows),
        offset=tf.zeros(rows),
        mean=tf.constant([], tf.float32),
        variance=tf.constant([], tf.float32),
        epsilon=epsilon,
        data_format="NCHW",
        is_training=True,
    ).y
    return tf.reshape(normalized, tf.shape(x)) * ops.cast(gamma, x.dtype) + ops.cast(beta, x.dtype)


@functools.cache
def _has_kernel():
    """Whether TensorFlow computes on a CPU, and with oneDNN, which it leaves alone on older ones."""
    import tensorflow as tf

    # Only this module knows: neither the build nor the environment says what TensorFlow decided on this processor.
    from tensorflow.python.util import _pywrap_util_port

    return _pywrap_util_port.IsMklEnabled() and not tf.config.list_logical_devices("GPU")
