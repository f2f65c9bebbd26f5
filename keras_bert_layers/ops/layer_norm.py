"""Layer normalization (Ba, Kiros and Hinton 2016, arXiv:1607.06450)."""

from keras import ops


def layer_norm(inputs, gamma, beta, epsilon: float):
    """γ (x - μ) / √(σ² + ε) + β over the last axis (eqs. 3 and 4), computed in float32.

    Args:
        inputs: float [..., H].
        gamma, beta: float [H].
        epsilon: float > 0.

    Returns:
        float [..., H] in the dtype of `inputs`.
    """
    x = ops.cast(inputs, "float32")
    centred = x - ops.mean(x, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
    normalized = centred * ops.rsqrt(variance + epsilon)
    return ops.cast(normalized * ops.cast(gamma, "float32") + ops.cast(beta, "float32"), inputs.dtype)
