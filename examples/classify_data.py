"""What the classification script computes on: tables of texts, their lengths, batches for training, and logits."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from text_input import count_tokens

import keras_bert_layers as kbl
import keras_bert_layers.convert
import keras_bert_layers.data
import keras_bert_layers.serving
from keras_bert_layers.data.tasks import LabelledTexts, read_table


@dataclass(frozen=True)
class Columns:
    """Where texts and labels stand in the tables: names, or numbers from 0."""

    text: str | int = "text"
    text_pair: str | int | None = None
    label: str | int = "label"
    encoding: str = "utf-8"

    def read(self, path: Path, with_labels: bool = True) -> LabelledTexts:
        label = self.label if with_labels else None
        return read_table(path, text=self.text, text_pair=self.text_pair, label=label, encoding=self.encoding)

    def read_texts(self, path: Path | None) -> LabelledTexts:
        """Texts without labels: a table, or for `.txt` and the standard input (None) a text a line, or a pair with a
        tab between."""
        if path is not None and path.suffix != ".txt":
            return self.read(path, with_labels=False)
        name = path or "the standard input"
        try:
            content = sys.stdin.read() if path is None else path.read_text(encoding=self.encoding)
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} must be text in {self.encoding}: {error}. Name its --encoding.") from None
        content = content.removeprefix("\ufeff").removesuffix("\n")
        if not content:
            raise ValueError(f"There is no text in {name}. Expected one text a line.")
        lines = content.split("\n")
        numbers = list(range(1, len(lines) + 1))
        if self.text_pair is None:
            return LabelledTexts(lines, None, None, numbers, name)
        pairs = [line.split("\t") for line in lines]
        for number, pair in zip(numbers, pairs, strict=True):
            if len(pair) != 2:
                raise ValueError(f"{name}, line {number}: expected two texts with a tab between. Received: {pair}.")
        return LabelledTexts([first for first, _ in pairs], [second for _, second in pairs], None, numbers, name)


@dataclass(frozen=True)
class Examples:
    """A table whose texts are measured.

    Args:
        table: the texts, or the pairs of them.
        lengths: int [N], in tokens with the special ones.
        unknown: int [N], how many of the tokens are words that the tokenizer does not know.
    """

    table: LabelledTexts
    lengths: np.ndarray
    unknown: np.ndarray

    def __len__(self) -> int:
        return len(self.table)

    @property
    def columns(self) -> tuple[list[str], ...]:
        """The texts, or the first and the second ones."""
        return (self.table.texts,) if self.table.pairs is None else (self.table.texts, self.table.pairs)

    def cut(self, limit: int) -> int:
        """How many are longer than `limit` tokens."""
        return int(np.count_nonzero(self.lengths > limit))

    def take(self, rows: np.ndarray) -> "Examples":
        """Those of these numbers."""

        def picked(column):
            return None if column is None else [column[row] for row in rows]

        table = self.table
        parts = {name: picked(getattr(table, name)) for name in ("texts", "pairs", "labels", "lines")}
        return Examples(dataclasses.replace(table, **parts), self.lengths[rows], self.unknown[rows])


def measured(table: LabelledTexts, tokenizer) -> Examples:
    """The table with the lengths of its texts in tokens."""
    columns = [table.texts] if table.pairs is None else [table.texts, table.pairs]
    counts, unknown = np.sum([count_tokens(tokenizer, column) for column in columns], axis=0)
    return Examples(table, 1 + len(columns) + counts, unknown)  # [CLS], and a [SEP] behind each text


def held_out(labels: list, share: float, seed: int) -> np.ndarray:
    """bool [N], True for a `share` of the examples of each label."""
    rng = np.random.default_rng([seed, 0x0DD])
    order = rng.permutation(len(labels))
    groups = {}
    for row in order:
        groups.setdefault(repr(labels[row]), []).append(row)
    # Behind one another, label by label: every tenth of the row is a tenth of each, also of labels with few examples.
    behind = np.array([row for label in sorted(groups) for row in groups[label]])
    chosen = np.zeros(len(labels), bool)
    chosen[behind[int(1 / share) // 2 :: int(1 / share)]] = True
    return chosen


class Features:
    """Texts to what a model takes, and to its logits.

    Args:
        model: that takes them.
        preprocessor: of its checkpoint, with the length at which texts are cut.
        batch_size: int, of training.
    """

    def __init__(self, model: keras.Model, preprocessor: keras.layers.Layer, batch_size: int):
        self.preprocessor = preprocessor
        self.batch_size = batch_size
        self._names = list(model.input)
        self._predict = kbl.serving.Predictor(model, preprocessor)

    def of(self, columns: tuple) -> dict[str, tf.Tensor]:
        """The inputs of the model for a batch of texts, or of first and second texts."""
        features = self.preprocessor(columns[0] if len(columns) == 1 else tuple(columns))
        return {name: features[name] for name in self._names}

    def batches(self, examples: Examples, targets: np.ndarray, seed: int, start_step: int) -> tf.data.Dataset:
        """Endless batches (features, targets) for training."""
        return kbl.data.bucketed_dataset(
            (*examples.columns, targets),
            lambda *batch: (self.of(batch[:-1]), batch[-1]),
            examples.lengths,
            self.batch_size,
            seed=seed,
            start_step=start_step,
        )

    def logits(self, examples: Examples) -> np.ndarray:
        """float32 [N, C], in the order of the examples."""
        columns = examples.columns
        return self._predict(columns[0] if len(columns) == 1 else tuple(columns))
