"""The names of classes as numbers, and back."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np


class LabelVocabulary:
    """The names of C classes: `names[c]` is that of logit c.

    Args:
        names: str [C].

    Raises:
        ValueError: if there is no name, or one is empty or comes twice.

    Example:
        >>> vocabulary = LabelVocabulary.from_labels(["good", "bad", "good"])
        >>> vocabulary.names, vocabulary.encode(["good", "bad"]).tolist(), vocabulary.decode([1, 0])
        (('bad', 'good'), [1, 0], ['good', 'bad'])
        >>> vocabulary.encode_sets(["good,bad", "good", ""]).tolist()
        [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, names: Iterable[str]):
        self.names = tuple(names)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if not self.names or not all(isinstance(name, str) and name.strip() for name in self.names):
            raise ValueError(f"`names` must be the names of classes, none of them empty. Received: {self.names}.")
        if len(self._numbers) < len(self.names):
            repeated = [name for name, count in Counter(self.names).items() if count > 1]
            raise ValueError(f"`names` must be distinct. These come more than once: {', '.join(repeated)}.")

    @classmethod
    def from_labels(cls, labels: Iterable[str | Sequence[str]], separator: str | None = None) -> "LabelVocabulary":
        """The different labels, sorted; numbers as numbers, so that 10 comes behind 9.

        Args:
            labels: a label of each example, or a list of labels of each.
            separator: between the labels of one example, where it may have several. Defaults to `None`: it has one.

        Raises:
            ValueError: if an example has an empty label, or there is no label at all.
        """
        found = {label for labels_of_one in _sets(labels, separator) for label in labels_of_one}
        if "" in found:
            raise ValueError("Expected a label for every example. There is an empty one.")
        numbers = {name: _number(name) for name in found}
        by_number = None not in numbers.values()
        return cls(sorted(found, key=(lambda name: (numbers[name], name)) if by_number else None))

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"LabelVocabulary({list(self.names)})"

    def encode(self, labels: Iterable[str], lines: Sequence[int] | None = None) -> np.ndarray:
        """int32 [N]: the number of each label.

        Args:
            labels: str [N].
            lines: int [N]. Where each stands in its file, for the error. Defaults to `None`: their order, from 1.

        Raises:
            ValueError: if there are other labels; with all of them, how often and where first.
        """
        return np.array([found for (found,) in self._look_up([[label] for label in labels], lines)], "int32")

    def encode_sets(
        self, labels: Iterable[str | Sequence[str]], separator: str = ",", lines: Sequence[int] | None = None
    ) -> np.ndarray:
        """float32 [N, C]: 1 for each label of an example, which may have none.

        Args:
            labels: of each example, a list, or a string with `separator` between them.
            separator: Defaults to a comma.
            lines: as for `encode`.

        Raises:
            ValueError: if there are other labels.
        """
        found = self._look_up(_sets(labels, separator), lines)
        sets = np.zeros((len(found), len(self)), "float32")
        for row, numbers in zip(sets, found, strict=True):
            row[numbers] = 1
        return sets

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The names of these classes."""
        return [self.names[number] for number in numbers]

    def _look_up(self, sets, lines) -> list[list[int]]:
        unknown, first = Counter(), {}
        for row, labels in enumerate(sets):
            for label in labels:
                if label not in self._numbers:
                    unknown[label] += 1
                    first.setdefault(label, row + 1 if lines is None else lines[row])
        if unknown:
            listed = [
                f"{label!r} ({count} time(s), first in line {first[label]})" for label, count in unknown.most_common(10)
            ]
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
            raise ValueError(
                f"Expected labels among the {len(self)} known ones: {', '.join(self.names[:20])}"
                f"{', …' if len(self) > 20 else ''}. There are others: {', '.join(listed)}{more}. Mend these lines, or "
                "train with examples of every label."
            )
        return [[self._numbers[label] for label in labels] for labels in sets]


def _sets(labels, separator) -> list[list[str]]:
    """The labels of each example as a list."""
    sets = []
    for label in labels:
        if not isinstance(label, str):
            sets.append(list(label))
        elif separator is None:
            sets.append([label])
        else:
            sets.append([part.strip() for part in label.split(separator)] if label.strip() else [])
    return sets


def _number(name: str) -> float | None:
    try:
        value = float(name)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
