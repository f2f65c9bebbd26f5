"""The texts of the comparison of speed: real sentences and paragraphs, from files as their authors publish them.

Below `--data`: `sst2/{train,test}.tsv`, `wnut17/{wnut17train.conll,emerging.test.annotated}`, `xquad/xquad.en.json`,
`wikitext2/*.txt` and a vocabulary, `vocab/*uncased*vocab.txt`.
"""

import json
from pathlib import Path

import numpy as np
from finetune_tasks import TASKS, lines_of

SENTENCES = ("sst2", "wnut17", "xquad")


def sentences(folder: Path, kind: str, number: int, part: str = "test") -> list[str]:
    """So many different texts of one kind, drawn at random, the same ones for all; `part` is "test" or "train"."""
    if kind == "xquad":
        articles = json.loads((folder / "xquad/xquad.en.json").read_text(encoding="utf-8"))["data"]
        texts = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
        # It has one part. Nothing is learned from the texts but ranges of activations.
        texts = texts if part == "test" else texts[::-1]
    else:
        parts = dict(zip(("train", "test"), TASKS[kind].read(folder / kind), strict=True))
        texts = [" ".join(words) for words, _ in parts[part]] if kind == "wnut17" else [x[0] for x, _ in parts[part]]
    return draw(texts, number)


def paragraphs(folder: Path) -> list[str]:
    """Those of WikiText-2's test part: prose, and headings, which are short."""
    lines = lines_of(folder / "wikitext2/test.txt")
    return [line.strip() for line in lines if line.strip()]


def labels(number: int) -> np.ndarray:
    """int32 [number]: classes to train on; what they are does not change the time."""
    return np.random.default_rng(1).integers(0, 2, number).astype("int32")


def draw(texts: list[str], number: int) -> list[str]:
    """So many of the texts in a random order; repeated, if they are too few."""
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[order[place % len(texts)]] for place in range(number)]


def spread(texts: list[str], number: int) -> list[str]:
    """So many of the texts whose lengths are spread as those of all are: a small sample with their mean."""
    by_length = sorted(texts, key=len)
    ranks = ((np.arange(number) + 0.5) / number * len(texts)).astype(int)
    order = np.random.default_rng(0).permutation(ranks)
    return [by_length[rank] for rank in order]


def find_vocabulary(folder: Path) -> Path | None:
    """The vocabulary of an uncased BERT below `--data`."""
    found = sorted((folder / "vocab").glob("*uncased*vocab.txt"))
    return found[0] if found else None


def fixed_length(lengths: np.ndarray) -> int:
    """What one pads to who pads all texts alike: 128, or 512 if a text is longer."""
    return 128 if np.max(lengths) <= 128 else 512
