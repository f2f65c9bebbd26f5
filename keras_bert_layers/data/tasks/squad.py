"""Questions on texts, in the files of SQuAD 1.1 and 2.0 and of the data sets that took their format."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Questions:
    """Questions, each with the text that may answer it; columns of one length.

    Args:
        ids, questions, contexts: strings.
        answers: for each question the texts that count as right, as the file has them; none where the text has no
            answer, or the file was read without.
        spans: int32 [N, 2]. Where the first of the answers stands in the context, for training: [start, end) in
            characters, without spaces around it; -1 where there is no answer, or no such text in the context.
        titles: of the articles; empty where the file names none.
        moved: how many answers stood elsewhere than their offset says, and were found at the nearest place.
        lost: how many answers are nowhere in their context.
        path: of the file.

    Example:
        >>> questions = Questions(["1"], ["Who sat?"], ["The cat sat."], [["The cat"]], np.array([[0, 7]]), [""])
        >>> len(questions), questions.is_impossible
        (1, [False])
    """

    ids: list[str]
    questions: list[str]
    contexts: list[str]
    answers: list[list[str]]
    spans: np.ndarray
    titles: list[str]
    moved: int = 0
    lost: int = 0
    path: str | os.PathLike = field(default="")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_impossible(self) -> list[bool]:
        """For each question, whether the text has no answer to it."""
        return [not texts for texts in self.answers]

    def for_training(self) -> "Questions":
        """Those that have a place to train on, or no answer: one that is lost would be taught as impossible."""
        found = self.spans[:, 0] >= 0
        return self.take([number for number, texts in enumerate(self.answers) if found[number] or not texts])

    def take(self, numbers) -> "Questions":
        """The questions of these numbers; `moved` and `lost` stay those of the whole file."""
        columns = {
            name: [getattr(self, name)[number] for number in numbers]
            for name in ("ids", "questions", "contexts", "answers", "titles")
        }
        spans = self.spans[np.asarray(numbers, dtype=int)]
        return Questions(**columns, spans=spans, moved=self.moved, lost=self.lost, path=self.path)

    def __str__(self) -> str:
        parts = [f"{_counted(len(self), 'question')} on {_counted(len(set(self.contexts)), 'text')}"]
        impossible = sum(self.is_impossible)
        parts += [f"{impossible:,} without an answer"] if impossible else []
        parts += [f"{_counted(self.moved, 'answer')} moved to where the text has it"] if self.moved else []
        parts += [f"{_counted(self.lost, 'answer')} that the text does not have"] if self.lost else []
        return ", ".join(parts)


def read_squad(path: str | os.PathLike, with_answers: bool = True) -> Questions:
    """Reads a JSON file of SQuAD 1.1 or 2.0, or another one in that format, such as CMRC 2018 or XQuAD.

    An answer whose text is not at its offset is moved to the nearest place where the context has that text (of two
    equally near, the earlier one), and counted in `moved`. One whose text is nowhere in the context is counted in
    `lost`: it still counts as right in evaluation, and has no place to train on.

    Args:
        path: of the file.
        with_answers: bool. False for a file without answers, or whose answers are not to be read. Defaults to `True`.

    Raises:
        ValueError: if the file is no JSON, lacks a key, has a value of another type, an id twice or no question; with
            the place in the file.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "dev.json")
        >>> answer = {"text": "the cat", "answer_start": 99}
        >>> asked = {"id": "1", "question": "Who sat?", "answers": [answer]}
        >>> article = {"paragraphs": [{"context": "So the cat sat.", "qas": [asked]}]}
        >>> _ = path.write_text(json.dumps({"data": [article]}))
        >>> questions = read_squad(path)
        >>> questions.spans.tolist(), questions.moved
        ([[3, 10]], 1)

    Reference:
        Rajpurkar et al. 2016 (arXiv:1606.05250) and 2018 (arXiv:1806.03822), SQuAD.
    """
    path = Path(path)
    try:
        root = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path} must be a JSON file in UTF-8, in the format of SQuAD: {error}.") from None
    reader = _Reader(path, with_answers)
    for number, article in enumerate(reader.value(root, "the file", "data", list)):
        reader.article(article, f"data[{number}]")
    if not reader.rows:
        raise ValueError(f"There are no questions in {path}. Expected data[..].paragraphs[..].qas[..] in it.")
    ids, questions, contexts, answers, spans, titles = map(list, zip(*reader.rows, strict=True))
    spans = np.array(spans, np.int32)
    return Questions(ids, questions, contexts, answers, spans, titles, reader.moved, reader.lost, path)


def write_squad_predictions(path: str | os.PathLike, predictions: Mapping[str, str]) -> None:
    """Writes answers as the official scripts read them: one JSON object, the text of each question's answer by its id.

    Args:
        path: of the file, which is complete or not there.
        predictions: id -> text, empty for "no answer".

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "predictions.json")
        >>> write_squad_predictions(path, {"1": "the cat"})
        >>> json.loads(path.read_text())
        {'1': 'the cat'}
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    unfinished.write_text(json.dumps(dict(predictions), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _counted(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Reader:
    """The rows of a file, and what was mended on the way."""

    def __init__(self, path, with_answers):
        self.path, self.with_answers = path, with_answers
        self.rows, self.moved, self.lost = [], 0, 0
        self._places = {}

    def article(self, article, place):
        title = self.value(article, place, "title", str) if "title" in article else ""
        for number, paragraph in enumerate(self.value(article, place, "paragraphs", list)):
            inside = f"{place}.paragraphs[{number}]"
            context = self.value(paragraph, inside, "context", str)
            for index, question in enumerate(self.value(paragraph, inside, "qas", list)):
                self.question(question, f"{inside}.qas[{index}]", context, title)

    def question(self, question, place, context, title):
        name, text = (self.value(question, place, key, str) for key in ("id", "question"))
        if name in self._places:
            raise ValueError(f"{self.path}, {place}: the id {name!r} is also that of {self._places[name]}.")
        self._places[name] = place
        answers, span = self.answers(question, place, context) if self.with_answers else ([], (-1, -1))
        self.rows.append((name, text, context, answers, span, title))

    def answers(self, question, place, context):
        answers = self.value(question, place, "answers", list)
        is_impossible = "is_impossible" in question and self.value(question, place, "is_impossible", bool)
        if bool(answers) == is_impossible:
            raise ValueError(
                f"{self.path}, {place}: expected answers, or `is_impossible`: true and none. Received {len(answers)} "
                f"answers and `is_impossible`: {is_impossible}. A file without answers is read with with_answers=False."
            )
        texts, spans = [], []
        for number, answer in enumerate(answers):
            inside = f"{place}.answers[{number}]"
            text, start = self.value(answer, inside, "text", str), self.value(answer, inside, "answer_start", int)
            texts.append(text)
            spans.append(self.span(context, text, start))
        return texts, next((span for span in spans if span[0] >= 0), (-1, -1))

    def span(self, context, text, start):
        stripped = text.strip()
        start += len(text) - len(text.lstrip())
        if not stripped:
            found = -1
        elif start >= 0 and context.startswith(stripped, start):
            found = start
        else:
            found = _nearest(context, stripped, start)
            self.moved += found >= 0
        self.lost += found < 0
        return (found, found + len(stripped)) if found >= 0 else (-1, -1)

    def value(self, parent, place, key, kind):
        if not isinstance(parent, dict) or key not in parent:
            keys = ", ".join(parent) if isinstance(parent, dict) else f"none: it is of type {type(parent).__name__}"
            raise ValueError(f"{self.path}, {place}: expected the key {key!r}, as in SQuAD's files. Its keys: {keys}.")
        value = parent[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(
                f"{self.path}, {place}.{key}: expected a JSON {_JSON_NAMES[kind]}. Received: {str(value)[:80]!r}."
            )
        return value


_JSON_NAMES = {list: "array", str: "string", int: "whole number", bool: "true or false"}


def _nearest(context, text, start):
    """The place of `text` in `context` nearest to `start`, or -1."""
    before, after = context.rfind(text, 0, max(0, start) + len(text)), context.find(text, max(0, start))
    return min(
        (place for place in (before, after) if place >= 0), key=lambda place: (abs(place - start), place), default=-1
    )
