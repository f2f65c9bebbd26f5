"""The lengths of rows whose padding stands at their end."""

from keras import ops

from keras_bert_layers.ops.masking import check_mask_rank
from keras_bert_layers.ops.validation import check_range


def row_lengths(padding_mask):
    """The number of real tokens in each row, whose padding stands at its end.

    Args:
        padding_mask: int or bool [B, S]; 1 = a real token.

    Returns:
        int32 [B]; -1 for a row with a real token after padding, where a compiled function has no assertions.

    Raises:
        ValueError: if `padding_mask` is not of rank 2; or (eagerly) if a real token stands after padding,
            InvalidArgumentError for the latter inside a graph.
    """
    check_mask_rank("padding_mask", padding_mask, 2)
    real = ops.cast(ops.cast(padding_mask, "bool"), "int32")
    lengths = ops.sum(real, axis=-1)
    misplaced = lengths - ops.sum(ops.cumprod(real, axis=-1), axis=-1)
    misplaced = check_range(
        misplaced,
        1,
        "A real token stands after padding, where padding was promised to stand at the end of every row. "
        "Their number in each row is wrong.",
        "Put padding at the end, or take the promise back: SelfAttention(right_padded=False).",
    )
    return ops.where(ops.equal(misplaced, 0), lengths, -1)
