"""Which rows of a batch belong to one of several workers or replicas."""

from keras import ops

Share = tuple[int, int]


def share_bounds(size, share: Share):
    """Where share k of N begins and ends: ⌊k · size / N⌋ and ⌊(k + 1) · size / N⌋.

    The shares follow one another, hold all rows once, and differ by one row at most.

    Args:
        size: int, or int array or tensor of any shape. Rows of the batch.
        share: (k, N).

    Returns:
        Two of the kind of `size`.

    Example:
        >>> [share_bounds(7, (number, 3)) for number in range(3)]
        [(0, 2), (2, 4), (4, 7)]
    """
    number, count = share
    return size * number // count, size * (number + 1) // count


def rows_of_share(rows, share: Share):
    """The rows of an array, tensor or RaggedTensor that belong to a share; their number is static where it can be.

    Example:
        >>> import numpy as np
        >>> rows_of_share(np.arange(7), (1, 3))
        array([2, 3])
    """
    if share[1] == 1:
        return rows
    size = rows.shape[0]
    if size is None:
        size = rows.nrows() if hasattr(rows, "nrows") else ops.shape(rows)[0]
    begin, end = share_bounds(size, share)
    return rows[begin:end]


def check_share(share: Share) -> None:
    """Raises a ValueError unless `share` is (k, N) with 0 ≤ k < N."""
    pair = isinstance(share, tuple | list) and len(share) == 2 and all(isinstance(number, int) for number in share)
    if not pair or not 0 <= share[0] < share[1]:
        raise ValueError(
            "`share` must be (number, count) with 0 ≤ number < count, such as (0, 2) and (1, 2) for two workers. "
            f"Received: {share!r}."
        )
