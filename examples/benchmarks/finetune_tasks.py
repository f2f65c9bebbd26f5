"""The data sets of the fine-tuning comparison: where their files lie, what is read of them, and how they are scored.

Each is a folder below `--data`, with the files as their authors publish them: `sst2/{train,test}.tsv` (text, 0 or 1),
`trec/{train,test}.raw.txt` (COARSE:fine text), `cola/{in_domain_train,in_domain_dev,out_of_domain_dev}.tsv`,
`stsb/stsb-en-{train,test}.csv` (two sentences, a score of 0 to 5), `wnut17/{wnut17train.conll,emerging.test.annotated}`
and `ud_ewt/en_ewt-ud-{dev,test}.conllu` (trained on dev). Nothing here needs TensorFlow or PyTorch.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

Example = tuple[Sequence[str], object]


@dataclass(frozen=True)
class Task:
    """A data set: what is to be predicted, its examples, and the score.

    Args:
        kind: `"classify"`, `"regress"` or `"tag"`.
        read: folder -> (training examples, test examples). An example is (the text or both texts, its label), or
            (words, a tag for each).
        metric: the score's name.
        score: (expected, predicted) -> points, of 100.
    """

    kind: str
    read: Callable[[Path], tuple[list[Example], list[Example]]]
    metric: str
    score: Callable[[list, list], float]

    def labels(self, training: list[Example]) -> list[str]:
        """The classes, sorted; none for a regression."""
        if self.kind == "regress":
            return []
        return sorted({tag for _, tags in training for tag in (tags if self.kind == "tag" else [tags])})


def sst2(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        rows = (line.split("\t") for line in lines_of(folder / f"{name}.tsv"))
        return [((text,), label) for text, label in rows]

    return read("train"), read("test")


def trec(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        rows = (line.split(" ", 1) for line in lines_of(folder / f"{name}.raw.txt", "latin-1"))
        return [((text,), label.split(":")[0]) for label, text in rows]

    return read("train"), read("test")


def cola(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        rows = (line.split("\t") for line in lines_of(folder / f"{name}.tsv"))
        return [((row[3],), row[1]) for row in rows]

    return read("in_domain_train"), read("in_domain_dev") + read("out_of_domain_dev")


def stsb(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        with open(folder / f"stsb-en-{name}.csv", encoding="utf-8", newline="") as file:
            return [((first, second), float(score)) for first, second, score in csv.reader(file)]

    return read("train"), read("test")


def wnut17(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        return list(columns(lines_of(folder / name), word=0, tag=1))

    return read("wnut17train.conll"), read("emerging.test.annotated")


def ud_ewt(folder: Path) -> tuple[list[Example], list[Example]]:
    def read(name):
        lines = (line for line in lines_of(folder / f"en_ewt-ud-{name}.conllu") if not line.startswith("#"))
        # A range (1-2) or an empty node (8.1) is no word of the sentence.
        return list(columns((line for line in lines if not set(line.split("\t")[0]) & {"-", "."}), word=1, tag=3))

    return read("dev"), read("test")


def lines_of(path: Path, encoding: str = "utf-8") -> list[str]:
    return path.read_text(encoding=encoding).removesuffix("\n").split("\n")


def columns(lines: Iterable[str], word: int, tag: int) -> Iterable[Example]:
    """Sentences of a file with a word a line, tab-separated columns, and a blank line after each sentence."""
    words, tags = [], []
    for line in lines:
        row = line.split("\t")
        if not row[0].strip():
            if words:
                yield tuple(words), tuple(tags)
            words, tags = [], []
        else:
            words.append(row[word])
            tags.append(row[tag])
    if words:
        yield tuple(words), tuple(tags)


def accuracy(expected: list, predicted: list) -> float:
    return 100 * sum(a == b for a, b in zip(expected, predicted, strict=True)) / len(expected)


def matthews(expected: list, predicted: list) -> float:
    from sklearn.metrics import matthews_corrcoef

    return 100 * matthews_corrcoef(expected, predicted)


def spearman(expected: list, predicted: list) -> float:
    from scipy.stats import spearmanr

    return 100 * spearmanr(expected, predicted).statistic


def entity_f1(expected: list, predicted: list) -> float:
    from seqeval.metrics import f1_score

    return 100 * f1_score([list(tags) for tags in expected], [list(tags) for tags in predicted])


def word_accuracy(expected: list, predicted: list) -> float:
    return accuracy([tag for tags in expected for tag in tags], [tag for tags in predicted for tag in tags])


TASKS = {
    "sst2": Task("classify", sst2, "accuracy", accuracy),
    "trec": Task("classify", trec, "accuracy", accuracy),
    "cola": Task("classify", cola, "Matthews correlation", matthews),
    "stsb": Task("regress", stsb, "Spearman correlation", spearman),
    "wnut17": Task("tag", wnut17, "entity F1", entity_f1),
    "ud_ewt": Task("tag", ud_ewt, "accuracy", word_accuracy),
}
