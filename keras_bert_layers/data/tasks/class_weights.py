"""Weights of classes for a loss that gives rare ones their part."""

from collections.abc import Sequence

import numpy as np


def class_weights(numbers: Sequence[int] | np.ndarray, names: Sequence[str]) -> dict[int, float]:
    """N / (C N_c) for each class c: every class weighs as much as another, and an example 1 on average.

    Args:
        numbers: int [N]. The class of each example, as `LabelVocabulary.encode` gives them.
        names: str [C]. The names of the classes.

    Returns:
        The number of each class -> its weight, as `class_weight` of `fit` takes it.

    Raises:
        ValueError: if a class has no example, or a number is no class.

    Example:
        >>> class_weights([0, 0, 0, 1], ["often", "rarely"])
        {0: 0.6666666666666666, 1: 2.0}
    """
    numbers = np.asarray(numbers)
    if numbers.ndim != 1 or (numbers.size and not 0 <= numbers.min() <= numbers.max() < len(names)):
        raise ValueError(
            f"`numbers` must be a vector of numbers of the {len(names)} classes. Received shape {numbers.shape}, "
            f"numbers {np.unique(numbers)[:10].tolist()}."
        )
    counts = np.bincount(numbers, minlength=len(names))
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        raise ValueError(
            f"A class without examples has no weight. There is none of: {', '.join(absent)}. Leave these classes out, "
            "or add examples."
        )
    return {number: float(numbers.size / (len(names) * count)) for number, count in enumerate(counts)}
