"""The mean that a loss takes where not every position counts."""

from keras import ops


def weighted_mean(values, weights=None):
    """Σ w v / Σ w in float32, 0 where all weights are.

    Args:
        values: float tensor.
        weights: of its shape. Defaults to `None`: the plain mean.

    Returns:
        float32 scalar.
    """
    values = ops.cast(values, "float32")
    if weights is None:
        return ops.mean(values)
    weights = ops.cast(weights, "float32")
    total = ops.sum(weights)
    # Not 0 · value: what stands in padding may be infinite.
    weighted = ops.where(weights == 0, 0.0, weights * ops.where(weights == 0, 0.0, values))
    return ops.sum(weighted) / ops.where(total == 0, 1.0, total)
