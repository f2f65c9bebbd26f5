"""Layer normalization (Ba, Kiros and Hinton 2016, arXiv:1607.06450)."""

from keras import ops


def layer_norm(inputs, gamma, beta=None, epsilon: float = 1e-12):
    """γ (x - μ) / √(σ² + ε) + β over the last axis (eqs. 3 and 4), computed in float32.

    Args:
        inputs: float [..., H].
        gamma: float [H].
        beta: float [H]. Defaults to none.
        epsilon: float > 0. Defaults to 1e-12.

    Returns:
        float [..., H] in the dtype of `inputs`.
    """
    x = ops.cast(inputs, "float32")
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    outputs = centred * ops.rsqrt(variance + epsilon) * ops.cast(gamma, "float32")
    if beta is not None:
        outputs = outputs + ops.cast(beta, "float32")
    return ops.cast(outputs, inputs.dtype)
