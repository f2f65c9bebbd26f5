"""Scores of classifiers and regressions from NumPy arrays, as scikit-learn and SciPy compute them."""

import numpy as np


def confusion(expected: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """int [C, C]: how many examples of class `row` were taken for class `column`."""
    return np.bincount(expected * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)


def single_label_scores(expected: np.ndarray, predicted: np.ndarray, num_classes: int) -> dict[str, float]:
    """Accuracy, macro F1 over the classes that occur or were predicted, and Matthews' correlation coefficient.

    Args:
        expected, predicted: int [N], numbers of classes.
        num_classes: int.
    """
    counts = confusion(expected, predicted, num_classes)
    right, true, said = counts.diagonal().astype(float), counts.sum(axis=1), counts.sum(axis=0)
    total = counts.sum()
    # Gorodkin's form for any number of classes; in floats, since the products outgrow integers.
    covariance = right.sum() * total - true.astype(float) @ said
    spread = (total**2 - true.astype(float) @ true) * (total**2 - said.astype(float) @ said)
    return {
        "accuracy": float(right.sum() / total),
        "macro_f1": _macro_f1(right, true, said),
        "matthews": float(covariance / np.sqrt(spread)) if spread > 0 else 0.0,
    }


def multi_label_scores(expected: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Micro F1, macro F1 over the labels that occur or were predicted, and the share of examples with all labels right.

    Args:
        expected, predicted: 0 or 1, [N, C].
    """
    expected, predicted = expected > 0.5, predicted > 0.5
    right, true, said = ((expected & predicted).sum(axis=0), expected.sum(axis=0), predicted.sum(axis=0))
    return {
        "micro_f1": float(2 * right.sum() / max(1, true.sum() + said.sum())),
        "macro_f1": _macro_f1(right, true, said),
        "exact_match": float((expected == predicted).all(axis=1).mean()),
    }


def regression_scores(expected: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Pearson's and Spearman's correlation (0 where all values are the same) and the root of the mean squared error.

    Args:
        expected, predicted: float [N].
    """
    return {
        "pearson": correlation(expected, predicted),
        "spearman": correlation(ranks(expected), ranks(predicted)),
        "rmse": float(np.sqrt(np.mean((np.asarray(expected, float) - predicted) ** 2))),
    }


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = np.asarray(first, float) - np.mean(first), np.asarray(second, float) - np.mean(second)
    spread = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / spread) if spread > 0 else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """From the smallest on; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _macro_f1(right, true, said) -> float:
    there = true + said > 0
    return float(np.mean(2 * right[there] / (true + said)[there])) if there.any() else 0.0
