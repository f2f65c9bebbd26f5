"""Selecting positions of a sequence."""

from keras import ops

from keras_bert_layers.ops.validation import check_range


def gather_positions(inputs, positions):
    """out[b, m] = inputs[b, positions[b, m]]; zeros where the position is negative (padding).

    Args:
        inputs: float [B, S, H].
        positions: int [B, M]; a negative position marks padding.

    Returns:
        float [B, M, H].

    Raises:
        ValueError: if `positions` is not of rank 2, or (eagerly) reaches past the sequence;
            InvalidArgumentError for the latter inside a graph.
    """
    if len(positions.shape) != 2:
        raise ValueError(
            f"Positions must have shape [batch, predictions]. Received shape {tuple(positions.shape)}. "
            "Give every example the same number of positions and pad with -1."
        )
    batch, length, width = ops.shape(inputs)
    positions = check_range(
        ops.cast(positions, "int32"),
        length,
        "A position to select lies outside the sequence.",
        "Positions are counted after truncation: make them from the same `token_ids` that the model receives, "
        "and mark padding by -1.",
        lower=None,
    )
    real = ops.greater_equal(positions, 0)
    # Rows of one flat matrix: a single gather, instead of one with batch dimensions.
    rows = ops.arange(batch, dtype="int32")[:, None] * length + ops.maximum(positions, 0)
    selected = ops.take(ops.reshape(inputs, (-1, width)), rows, axis=0)
    return ops.where(real[:, :, None], selected, ops.zeros_like(selected))
