"""One vector from the vectors of a sequence."""

from keras import ops

from keras_bert_layers.ops.masking import check_mask_rank


def pool(inputs, padding_mask, mode: str):
    """The first (`"cls"`), the mean or the maximum of x[b, s] over the s with padding_mask[b, s] = 1.

    Args:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S], or None for no padding.
        mode: `"cls"`, `"mean"` or `"max"`.

    Returns:
        float [B, H]; zeros for a row that is padding only (mean and max). The mean is taken in float32.
    """
    if padding_mask is not None:
        check_mask_rank("padding_mask", padding_mask, 2)
    if mode == "cls":
        return inputs[:, 0]
    if padding_mask is None:
        padding_mask = ops.ones(ops.shape(inputs)[:2], "bool")
    real = ops.cast(padding_mask, "bool")[:, :, None]
    if mode == "max":
        lowest = -float("inf")
        highest = ops.max(ops.where(real, inputs, ops.full_like(inputs, lowest)), axis=1, initial=lowest)
        return ops.where(ops.any(real, axis=1), highest, ops.zeros_like(highest))
    total = ops.sum(ops.where(real, ops.cast(inputs, "float32"), 0.0), axis=1)
    count = ops.sum(ops.cast(real, "float32"), axis=1)
    return ops.cast(total / ops.maximum(count, 1.0), inputs.dtype)
