"""Pairs of texts from tables, and texts to vectors, for the embedding script."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from text_input import count_tokens, read_lines

import keras_bert_layers as kbl
import keras_bert_layers.data
import keras_bert_layers.serving
import keras_bert_layers.text
from keras_bert_layers.data.tasks import LabelledTexts, read_table


@dataclass(frozen=True)
class Pairs:
    """Texts that belong together, row by row.

    Args:
        texts: two lists of str [N], or three: the third are hard negatives.
        scores: float32 [N], how alike the two are; None if all belong together.
        path: of the file.
        empty: the lines of the file with an empty text.
    """

    texts: tuple[list[str], ...]
    scores: np.ndarray | None
    path: Path
    empty: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.texts[0])

    def take(self, rows: np.ndarray) -> "Pairs":
        """Those of these numbers."""
        texts = tuple([column[row] for row in rows] for column in self.texts)
        return Pairs(texts, None if self.scores is None else self.scores[rows], self.path, self.empty)

    def __str__(self) -> str:
        kind = "pairs" if self.scores is None else "scored pairs"
        negatives = ", each with a hard negative" if len(self.texts) == 3 else ""
        empty = f" ({len(self.empty):,} with an empty text, line {self.empty[0]})" if self.empty else ""
        return f"{self.path}: {len(self):,} {kind}{negatives}{empty}"


def read_pairs(path: Path, columns: Sequence[str | int] = ()) -> Pairs:
    """The pairs of a table with two texts in a row and, behind them, a score or a hard negative, or neither.

    Args:
        path: .csv, .tsv or .jsonl.
        columns: names, which the first line has to hold, or numbers from 0, of two columns or three. Defaults to none:
            the first three, or two if there are no more; a first line without a number above scores names the columns.

    Raises:
        ValueError: if a row is not like the others; with its line.
    """
    if not columns and path.suffix == ".jsonl":
        raise ValueError(f"{path}: name the fields of its lines, such as --columns sentence1 sentence2 score.")
    named = [int(column) if str(column).isdigit() else column for column in columns or range(_width(path))]
    table = read_table(path, **dict(zip(("text", "text_pair", "label"), named, strict=False)))
    numbers = [_is_number(label) for label in table.labels or ()]
    scored = bool(numbers) and 2 * sum(numbers) >= len(numbers)
    first = 1 if not columns and scored and not numbers[0] else 0
    table = LabelledTexts(
        table.texts[first:],
        table.pairs[first:],
        None if table.labels is None else table.labels[first:],
        table.lines[first:],
        path,
    )
    scores = table.numbers() if scored else None
    negatives = () if scored or table.labels is None else (table.labels,)
    return Pairs((table.texts, table.pairs, *negatives), scores, path, tuple(table.empty))


def read_train(path: Path, columns: Sequence[str | int] = ()) -> Pairs:
    """A table of pairs; or from a .txt file each line as a pair with itself, which dropout makes different (SimCSE)."""
    if path.suffix != ".txt":
        return read_pairs(path, columns)
    lines = read_lines(path)
    return Pairs((lines, lines), None, path)


def _width(path) -> int:
    """2 or 3: how many columns of the table are read."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.suffix != ".csv" else {}
        row = next(csv.reader(file, **tabs), [])
    if len(row) < 2:
        raise ValueError(f"{path}, line 1: expected two texts, and perhaps a score or a third text. Received: {row}.")
    return min(3, len(row))


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def about_texts(tokenizer, texts: Sequence[str], sequence_length: int) -> str:
    """How many of the texts are cut, and how many of their words unknown; empty if none."""
    counts, unknown = count_tokens(tokenizer, texts)
    numbers = {
        f"texts cut at {sequence_length} tokens": np.count_nonzero(counts + 2 > sequence_length),  # [CLS] and [SEP]
        "words unknown": np.sum(unknown),
    }
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)


class Embedder:
    """Texts to vectors of length 1.

    Args:
        model: that makes a vector for each text.
        preprocessor: of its checkpoint.
    """

    def __init__(self, model: keras.Model, preprocessor: kbl.text.BertPreprocessor):
        self.preprocessor = preprocessor
        self._predict = kbl.serving.Predictor(model, preprocessor)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, H], in the order of the texts; with a bar on the standard error, if that is a terminal."""
        return tf.math.l2_normalize(self._predict(texts, verbose=sys.stderr.isatty()), axis=-1).numpy()


def training_batches(
    pairs: Pairs, labels: np.ndarray | None, preprocessor: kbl.text.BertPreprocessor, batch_size: int, seed: int
):
    """step -> endless batches from that step on: the features of the pairs, and `labels` or else the texts' numbers."""
    counts = np.max([count_tokens(preprocessor.tokenizer, column)[0] for column in pairs.texts], axis=0)
    # Texts as tensors, once: every new start of the batches would turn the lists into them again.
    columns = tuple(tf.constant(column) for column in pairs.texts)
    if labels is not None:
        columns += (tf.constant(labels),)

    def prepare(*batch):
        features, numbers = kbl.text.pair_features(preprocessor, batch[: len(pairs.texts)])
        return features, numbers if labels is None else batch[-1]

    def batches(start_step: int) -> tf.data.Dataset:
        return kbl.data.bucketed_dataset(columns, prepare, counts, batch_size, seed=seed, start_step=start_step)

    return batches
