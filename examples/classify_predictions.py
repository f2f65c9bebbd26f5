"""Answers of a classifier as lines: one for each text, in their order."""

import json
import sys
from pathlib import Path
from typing import TextIO

from keras_bert_layers.data.tasks import LabelledTexts


def write_predictions(path: Path | None, texts: LabelledTexts, answers: list[dict]) -> None:
    """Writes `.jsonl`, with the probabilities of all labels, or tab-separated columns, also to the standard output.

    The columns: the label and its probability; of several labels, all with commas between, and their probabilities; or
    the value. Behind them the text, or both texts; tabs and line ends in these become spaces.

    Args:
        path: of the file; None for the standard output.
        texts: that were answered.
        answers: of a problem, one for each.
    """
    if path is None:
        _write(sys.stdout, texts, answers, as_json=False)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        _write(file, texts, answers, as_json=path.suffix == ".jsonl")


def _write(file: TextIO, texts, answers, as_json) -> None:
    pairs = [None] * len(texts) if texts.pairs is None else texts.pairs
    for text, pair, answer in zip(texts.texts, pairs, answers, strict=True):
        if as_json:
            both = {"text": text} if pair is None else {"text": text, "text_pair": pair}
            print(json.dumps({**both, **answer}, ensure_ascii=False), file=file)
        else:
            both = [" ".join(column.split()) for column in (text, pair) if column is not None]
            print(*_columns(answer), *both, sep="\t", file=file)


def _columns(answer) -> list[str]:
    if "value" in answer:
        return [f"{answer['value']:.4f}"]
    labels = [answer["label"]] if "label" in answer else answer["labels"]
    return [",".join(labels), ",".join(f"{answer['probabilities'][label]:.4f}" for label in labels)]
