"""Layer normalization (Ba, Kiros and Hinton 2016, arXiv:1607.06450)."""

from keras import ops

from keras_bert_layers.ops.tracing import is_recorded


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
    weights = [ops.cast(weight, "float32") for weight in (gamma, beta) if weight is not None]
    x = ops.cast(inputs, "float32")
    normalized = (
        _with_gradient(epsilon)(x, *weights) if is_recorded() else _scaled(_normalized(x, epsilon)[0], *weights)
    )
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
