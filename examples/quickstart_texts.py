"""What the quickstart reads: prose to pretrain on, labelled texts to fine-tune on, and nothing that is in both."""

import csv
from collections import Counter
from pathlib import Path

import installed_prose
import numpy as np
from installed_prose import LabelledDocstrings

import keras_bert_layers as kbl

MASKED_PROSE = [
    "The function [MASK] a new list.",
    "Raises an [MASK] if the value is not valid.",
    "If [MASK] is true, the file is closed.",
    "The size of the input must be [MASK] to the size of the output.",
]


def gather(corpus: Path | None, labelled: Path | None, seed: int) -> tuple[list[list[str]], LabelledDocstrings]:
    """Documents of sentences, and the labelled texts; the user's where given, else the installed prose.

    A sentence that stands in the labelled texts is taken out of the documents.
    """
    task = None if labelled is None else read_labelled(labelled, seed)
    if corpus is None or labelled is None:
        prose = installed_prose.read_installed_prose()
        docstrings = installed_prose.labelled_docstrings(prose, seed)
        task = docstrings if task is None else task._replace(remaining=prose)
    documents = installed_prose.documents(task.remaining) if corpus is None else read_corpus(corpus)
    if corpus is None and labelled is None:
        return documents, task  # `labelled_docstrings` has already kept them apart
    known = {same(part) for text, _ in task.train + task.test for part in [text, *kbl.data.split_sentences(text)]}
    documents = [[sentence for sentence in document if same(sentence) not in known] for document in documents]
    return [document for document in documents if document], task


def same(text: str) -> str:
    """Equal for texts that differ only in case and spaces."""
    return " ".join(text.casefold().split())


def read_corpus(folder: Path) -> list[list[str]]:
    """A document for each file, or for each paragraph where the files are few."""
    documents = kbl.data.read_documents(folder, layout="prose")
    return documents if len(documents) >= 20 else kbl.data.read_documents(folder, layout="paragraphs")


def read_labelled(path: Path, seed: int, test_share: float = 0.3) -> LabelledDocstrings:
    """Lines `text<TAB>label`, without repetitions, in a random split that has every label on both sides."""
    rows, seen = [], set()
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
            if len(row) != 2 or not all(cell.strip() for cell in row):
                raise ValueError(
                    f"{path}, line {number}: expected text<TAB>label. Received {len(row)} column(s): {row}. "
                    "Take tabs out of the texts, and empty lines out of the file."
                )
            if same(row[0]) not in seen:
                seen.add(same(row[0]))
                rows.append((row[0].strip(), row[1].strip()))
    counts = Counter(label for _, label in rows)
    if len(counts) < 2 or min(counts.values()) < 2:
        raise ValueError(
            f"{path} must have two labels or more, and two different texts or more for each. Received: {dict(counts)}."
        )
    label_names = sorted(counts)
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label, name in enumerate(label_names):
        texts = rng.permutation([text for text, row_label in rows if row_label == name]).tolist()
        cut = max(1, round(test_share * len(texts)))
        test += [(text, label) for text in texts[:cut]]
        train += [(text, label) for text in texts[cut:]]
    train, test = ([items[i] for i in rng.permutation(len(items))] for items in (train, test))
    return LabelledDocstrings(train, test, label_names, [])


def masked_sentences(documents: list[list[str]], own_corpus: bool) -> list[str]:
    """Sentences with a [MASK]: prepared ones for the installed prose, else the corpus' own with a word hidden."""
    if not own_corpus:
        return MASKED_PROSE
    sentences = [s.split() for document in documents for s in document if 6 <= len(s.split()) <= 16][:4]
    return [" ".join([*words[: len(words) // 2], "[MASK]", *words[len(words) // 2 + 1 :]]) for words in sentences]
