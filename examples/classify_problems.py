"""The three kinds of answers a text classifier gives: one label, any number of labels, a number.

Each is one class with the same methods: what its labels are as targets, its loss, its scores, what it says of a text,
and the picture of its errors.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from confusion_figure import draw_confusion, draw_label_scores, draw_scatter
from scores import confusion, multi_label_scores, regression_scores, single_label_scores

from keras_bert_layers.data.tasks import LabelledTexts, LabelVocabulary


class SingleLabel:
    """One of several labels for a text: a softmax."""

    problem_type = "single_label"

    def __init__(self, names: list[str]):
        self.vocabulary = LabelVocabulary(names)

    def targets(self, table: LabelledTexts) -> np.ndarray:
        """float32 [N, C], a 1 in each row."""
        for line, label in zip(table.lines, table.labels, strict=True):
            if not isinstance(label, str):
                raise ValueError(
                    f"{table.path}, line {line}: expected one label. Received {label}. For several labels of a text "
                    "pass --multi-label ','."
                )
        with _naming(table):
            numbers = self.vocabulary.encode(table.labels, table.lines)
        return np.eye(len(self.vocabulary), dtype="float32")[numbers]

    def loss(self, label_smoothing: float) -> keras.losses.Loss:
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        return single_label_scores(targets.argmax(axis=-1), logits.argmax(axis=-1), len(self.vocabulary))

    def answers(self, logits: np.ndarray) -> list[dict]:
        """For each text `label`, its `probability`, and the `probabilities` of all labels."""
        names = self.vocabulary.names
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities = powers / powers.sum(axis=-1, keepdims=True)
        labels = self.vocabulary.decode(probabilities.argmax(axis=-1))
        return [
            {"label": label, "probability": max(row), "probabilities": dict(zip(names, row, strict=True))}
            for label, row in zip(labels, probabilities.astype(float).tolist(), strict=True)
        ]

    def draw(self, path: Path, targets: np.ndarray, logits: np.ndarray, title: str) -> None:
        counts = confusion(targets.argmax(axis=-1), logits.argmax(axis=-1), len(self.vocabulary))
        draw_confusion(path, counts, list(self.vocabulary.names), title)


class MultiLabel:
    """Any number of labels for a text: a sigmoid for each, those over 0.5 hold."""

    problem_type = "multi_label"

    def __init__(self, names: list[str], separator: str):
        self.vocabulary = LabelVocabulary(names)
        self.separator = separator

    def targets(self, table: LabelledTexts) -> np.ndarray:
        """float32 [N, C], a 1 for each label that holds."""
        with _naming(table):
            return self.vocabulary.encode_sets(table.labels, self.separator, table.lines)

    def loss(self, label_smoothing: float) -> keras.losses.Loss:
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        return multi_label_scores(targets, logits > 0)

    def answers(self, logits: np.ndarray) -> list[dict]:
        """For each text its `labels`, likeliest first, and the `probabilities` of all labels."""
        probabilities = 1 / (1 + np.exp(-logits.astype(float)))
        rows = [dict(zip(self.vocabulary.names, row, strict=True)) for row in probabilities.tolist()]
        ranked = [sorted(row, key=row.get, reverse=True) for row in rows]
        return [
            {"labels": [name for name in names if row[name] > 0.5], "probabilities": row}
            for names, row in zip(ranked, rows, strict=True)
        ]

    def draw(self, path: Path, targets: np.ndarray, logits: np.ndarray, title: str) -> None:
        draw_label_scores(path, targets, logits > 0, list(self.vocabulary.names), title)


class Regression:
    """A number for a text."""

    problem_type = "regression"

    def __init__(self, names: list[str]):
        self.vocabulary = LabelVocabulary(names)

    def targets(self, table: LabelledTexts) -> np.ndarray:
        """float32 [N, 1]."""
        return table.numbers()[:, None]

    def loss(self, label_smoothing: float) -> keras.losses.Loss:
        return keras.losses.MeanSquaredError()

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        return regression_scores(targets[:, 0], logits[:, 0])

    def answers(self, logits: np.ndarray) -> list[dict]:
        """For each text its `value`."""
        return [{"value": value} for value in logits[:, 0].astype(float).tolist()]

    def draw(self, path: Path, targets: np.ndarray, logits: np.ndarray, title: str) -> None:
        draw_scatter(path, targets[:, 0], logits[:, 0], self.vocabulary.names[0], title)


Problem = SingleLabel | MultiLabel | Regression


def make_problem(problem_type: str, names: list[str], separator: str | None) -> Problem:
    """The problem of that type, with labels in this order."""
    if problem_type == "multi_label":
        return MultiLabel(names, separator or ",")
    return (Regression if problem_type == "regression" else SingleLabel)(names)


@contextlib.contextmanager
def _naming(table: LabelledTexts) -> Iterator[None]:
    """Puts the name of the table before the error about its labels."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{table.path}: {error}") from None
