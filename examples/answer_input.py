"""Questions to answer: lines of JSON, from a file or the standard input, or a file like SQuAD's."""

import json
import sys
from pathlib import Path

import numpy as np

import keras_bert_layers as kbl
import keras_bert_layers.data


def read_questions(source: str) -> kbl.data.tasks.Questions:
    """The questions of a file like SQuAD's, or of lines {"question", "context"}; `-` is the standard input.

    Raises:
        ValueError: if the input is none of them; with the line.
    """
    place = "the standard input" if source == "-" else source
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} must be text in UTF-8: {error}.") from None
    if source != "-" and _is_squad(text):
        return kbl.data.tasks.read_squad(source, with_answers=False)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(line, f"{place}, line {number}", len(rows)))
    if not rows:
        raise ValueError(f'There is no question in {place}. Expected {{"question": ..., "context": ...}} on each line.')
    ids, questions, contexts = map(list, zip(*rows, strict=True))
    spans = np.full((len(rows), 2), -1, np.int32)
    return kbl.data.tasks.Questions(ids, questions, contexts, [[]] * len(rows), spans, [""] * len(rows))


def _is_squad(text: str) -> bool:
    try:
        root = json.loads(text)
    except ValueError:  # several lines, each a JSON text of its own
        return False
    return isinstance(root, dict) and "data" in root


def _row(line: str, place: str, number: int) -> tuple[str, str, str]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: expected a JSON object: {error}.") from None
    texts = [row.get(key) for key in ("question", "context")] if isinstance(row, dict) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f'{place}: expected {{"question": "...", "context": "..."}}. Received: {line[:80]}')
    return str(row.get("id", number)), *texts
