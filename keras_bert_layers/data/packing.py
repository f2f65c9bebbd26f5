"""Which sequences share a row, so that little of it is padding."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PackedRows:
    """Sequences grouped into rows.

    Args:
        order: int64 [sequences]. The numbers of the sequences, row after row.
        splits: int64 [rows + 1]. Row `r` holds the sequences `order[splits[r]:splits[r + 1]]`.
        fill: float. The share of all positions that hold a token.
    """

    order: np.ndarray
    splits: np.ndarray
    fill: float

    def __len__(self) -> int:
        return len(self.splits) - 1

    def table(self, width: int) -> np.ndarray:
        """int64 [rows, width]: the sequences of each row, -1 where there are fewer."""
        counts = np.diff(self.splits)
        table = np.full((len(self), width), -1, "int64")
        table[np.arange(width) < counts[:, None]] = self.order
        return table


def pack_rows(lengths: np.ndarray, sequence_length: int, max_sequences: int | None = None) -> PackedRows:
    """Best-fit decreasing: each sequence, longest first, goes where it leaves the least room.

    Args:
        lengths: int [sequences]. Positions of each sequence, with its special tokens.
        sequence_length: int > 0. Positions of a row.
        max_sequences: int > 0 or None. The most sequences in a row. Defaults to None: any number.

    Returns:
        PackedRows. A row holds its sequences in ascending order, and rows are ordered by their first sequence, so that
        the order of the corpus is kept as far as it can be.

    Raises:
        ValueError: if a sequence is empty or longer than a row, or an argument is not positive.

    Example:
        >>> rows = pack_rows([5, 3, 4, 2, 2], sequence_length=8)
        >>> rows.table(3).tolist(), rows.fill
        ([[0, 1, -1], [2, 3, 4]], 1.0)

    Reference:
        Krell et al. 2021, Efficient Sequence Packing without Cross-contamination (arXiv:2107.02027), section 3.
    """
    lengths = np.asarray(lengths, "int64")
    if sequence_length < 1 or (max_sequences is not None and max_sequences < 1):
        raise ValueError(
            "`sequence_length` and `max_sequences` must be positive. Received: "
            f"sequence_length={sequence_length}, max_sequences={max_sequences}."
        )
    if len(lengths) and not 1 <= lengths.min() <= lengths.max() <= sequence_length:
        raise ValueError(
            f"Sequences to pack must have 1 to {sequence_length} positions, the length of a row. Received lengths from "
            f"{lengths.min()} to {lengths.max()}: cut longer ones first, or make the rows longer."
        )
    rows, open_rows, spaces = [], [[] for _ in range(sequence_length + 1)], 0
    for number in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[number])
        # Bit s of `spaces` says whether a row with s free positions is open: the lowest one that suffices is wanted.
        fitting = spaces >> length
        if fitting:
            space = length + (fitting & -fitting).bit_length() - 1
            row = open_rows[space].pop()
            if not open_rows[space]:
                spaces ^= 1 << space
        else:
            space, row = sequence_length, []
            rows.append(row)
        row.append(number)
        rest = space - length
        if rest and (max_sequences is None or len(row) < max_sequences):
            open_rows[rest].append(row)
            spaces |= 1 << rest
    rows = sorted(sorted(row) for row in rows)
    splits = np.cumsum([0, *map(len, rows)]).astype("int64")
    order = np.array([number for row in rows for number in row], "int64")
    return PackedRows(order, splits, float(lengths.sum() / max(len(rows) * sequence_length, 1)))
