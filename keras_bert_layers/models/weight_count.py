"""How many numbers of a model are trained."""

from typing import NamedTuple

import keras


class WeightCount(NamedTuple):
    """The numbers in a model's weights.

    Args:
        trained: those that training changes.
        total: all.

    Example:
        >>> print(WeightCount(222_338, 22_787_714))
        222,338 of 22,787,714 weights are trained (1.0 %)
    """

    trained: int
    total: int

    def __str__(self) -> str:
        return (
            f"{self.trained:,} of {self.total:,} weights are trained ({100 * self.trained / max(self.total, 1):.1f} %)"
        )


def count_weights(model: keras.Model) -> WeightCount:
    """The count of a model's weights, what is shared counted once.

    Args:
        model: built.

    Returns:
        A WeightCount, which prints as a sentence.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> count_weights(model).trained
        3
    """
    return WeightCount(
        sum(_size(weight) for weight in model.trainable_weights), sum(_size(weight) for weight in model.weights)
    )


def expect_compile(model: keras.Model) -> None:
    """Lets `fit` ask for `compile`: an optimizer and the compiled functions know the weights they were made for."""
    model.compiled = False
    model.train_function = model.test_function = model.predict_function = None


def _size(weight) -> int:
    size = 1
    for dim in weight.shape:
        size *= dim
    return size
