"""The fields of many examples side by side: for each field one flat array, and where each example's values begin."""

from collections.abc import Sequence

import numpy as np

Columns = dict[str, tuple[np.ndarray, np.ndarray]]


def places(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """start, start + 1, … of every stretch, one after the other.

    Example:
        >>> places(np.array([7, 0]), np.array([2, 3]))
        array([7, 8, 0, 1, 2])
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - lengths), lengths)


def splits_of(lengths: np.ndarray) -> np.ndarray:
    """int64 [rows + 1]: where each row begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype("int64")


def take(columns: Columns, order: np.ndarray) -> Columns:
    """The examples with these numbers, in this order.

    Example:
        >>> take({"token_ids": (np.array([5, 6, 7]), np.array([0, 2, 3]))}, np.array([1, 0]))
        {'token_ids': (array([7, 5, 6]), array([0, 1, 3]))}
    """
    taken = {}
    for name, (values, splits) in columns.items():
        lengths = np.diff(splits)[order]
        taken[name] = values[places(splits[order], lengths)], splits_of(lengths)
    return taken


def rows(columns: Columns, begin: int, end: int) -> Columns:
    """The examples from `begin` up to `end`."""
    return {
        name: (values[splits[begin] : splits[end]], splits[begin : end + 1] - splits[begin])
        for name, (values, splits) in columns.items()
    }


def nothing(names: Sequence[str]) -> Columns:
    """No examples, with these fields and `index`."""
    return {
        **{name: (np.zeros(0, "int32"), np.zeros(1, "int64")) for name in names},
        "index": (np.zeros(0, "int64"), np.zeros(1, "int64")),
    }


def joined(parts: Sequence[Columns]) -> Columns:
    """The examples of all parts, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    return {
        name: (
            np.concatenate([part[name][0] for part in parts]),
            splits_of(np.concatenate([np.diff(part[name][1]) for part in parts])),
        )
        for name in parts[0]
    }


def merged(columns: Columns, splits: np.ndarray) -> Columns:
    """Neighbouring examples as one: those from `splits[i]` up to `splits[i + 1]` become the example `i`."""
    return {name: (values, bounds[splits]) for name, (values, bounds) in columns.items()}
