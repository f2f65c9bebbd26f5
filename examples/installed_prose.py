"""Real English prose that every installation of this package holds: the documentation inside its libraries.

The docstrings of Python's standard library, NumPy, Keras and TensorFlow, and Python's language reference
(`pydoc_data.topics`), read from the source files without importing any of them.

    python examples/installed_prose.py

takes about 15 s on two cores and prints how much there is and how the labelled set looks.
"""

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import docstring_prose
import numpy as np

# What a docstring is about -> where it stands: the classes of `labelled_docstrings`.
SUBJECTS = {
    "internet": (
        "stdlib",
        "email http urllib smtplib imaplib ftplib poplib socket socketserver ssl xmlrpc wsgiref ipaddress",
    ),
    "windows": ("stdlib", "tkinter idlelib turtle"),
    "arrays": ("numpy", "_core lib ma"),
    "networks": ("keras", "src.layers src.losses src.metrics src.optimizers src.activations src.regularizers"),
    "pipelines": ("tensorflow", "python.data"),
    "distribution": ("tensorflow", "python.distribute"),
}
LIBRARIES = ("stdlib", "numpy", "keras", "tensorflow")


@dataclass(frozen=True)
class Prose:
    """What one docstring says: `part` is the module inside the library, `text` has blank lines between paragraphs."""

    library: str
    part: str
    text: str


def read_installed_prose(roots: dict[str, Path] | None = None, processes: int = 2) -> list[Prose]:
    """The prose of all docstrings, in the order of the files; a paragraph that occurred before is left out.

    Code, doctests, tables, titles, parameter types, links and licence texts are stripped, and paragraphs that do not
    read like prose are dropped. The result depends on the installation alone.

    Args:
        roots: library name -> its folder. Defaults to the installed `LIBRARIES`.
        processes: int > 0. How many interpreters parse at the same time. Defaults to 2.
    """
    roots = installed_roots() if roots is None else roots
    # Interpreters of their own: forking a process that has loaded TensorFlow can hang.
    places = json.dumps([[name, str(root)] for name, root in roots.items()])
    command = [sys.executable, "-E", "-S", docstring_prose.__file__, places]

    def extract(share: int) -> list:
        done = subprocess.run([*command, str(share), str(processes)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    with ThreadPoolExecutor(processes) as pool:
        found = sorted(row for rows in pool.map(extract, range(processes)) for row in rows)
    prose, seen = [], set()
    for *_, library, part, paragraphs in found:
        fresh = [text for text in paragraphs if not (letters(text) in seen or seen.add(letters(text)))]
        if fresh:
            prose.append(Prose(library, part, "\n\n".join(fresh)))
    return prose


def installed_roots() -> dict[str, Path]:
    """Where each of `LIBRARIES` lies, found without importing it."""
    roots = {"stdlib": Path(sysconfig.get_paths()["stdlib"])}
    for name in LIBRARIES[1:]:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed here. It comes with `pip install keras_bert_layers`.")
        roots[name] = Path(spec.origin).parent
    return roots


def letters(text: str) -> str:
    """The text's letters alone, in lower case: equal for copies that differ in layout, numbers and punctuation."""
    return re.sub(r"[^a-z]", "", text.lower())


def documents(prose: list[Prose]) -> list[list[str]]:
    """One document of sentences for each module, in order; a module's docstrings speak of one subject."""
    from keras_bert_layers.data import split_sentences

    modules = defaultdict(list)
    for item in prose:
        modules[item.library, item.part] += split_sentences(item.text, "en")
    return list(modules.values())


class LabelledDocstrings(NamedTuple):
    train: list[tuple[str, int]]
    test: list[tuple[str, int]]
    label_names: list[str]
    remaining: list[Prose]


def labelled_docstrings(
    prose: list[Prose], seed: int = 0, train_per_label: int = 50, test_per_label: int = 120
) -> LabelledDocstrings:
    """A task of classification: what a docstring is about (`SUBJECTS`), from its first forty words.

    A subject with fewer docstrings than the items that it needs is left out: some systems package Python without its
    graphical interface.

    Names that would give the answer away become the word "name", by one rule for all texts: identifiers (whatever holds
    a dot, an underscore, a capital or a bracket inside), the names of the libraries and of the modules in `SUBJECTS`
    with their plurals, and a few words that such a module is named after (`_TELLTALES`).

    Nothing is shared: no two texts have the same letters; a test item is passed over when a sentence of eight words or
    more stands in a training item too, or when it has three fifths of its words in common with one (of all words in
    either); `remaining`, for pretraining, holds neither the docstrings that were chosen nor such a sentence of theirs.

    Args:
        prose: what `read_installed_prose` gives.
        seed: int ≥ 0. Which docstrings are drawn. Defaults to 0.
        train_per_label, test_per_label: int > 0. Items of each label. Default to 50 and 120.

    Returns:
        `train` and `test`, lists of (text, label) in random order; `label_names`, the subjects; and the `remaining`
        prose.

    Raises:
        ValueError: if fewer than two subjects remain, or too much of one is repeated.
    """
    rng = np.random.default_rng(seed)
    found = {name: _candidates(prose, name) for name in SUBJECTS}
    names = [name for name, indices in found.items() if len(indices) >= train_per_label + test_per_label]
    if len(names) < 2:
        raise ValueError(
            f"Two subjects or more with {train_per_label + test_per_label} docstrings each are needed. Received: "
            f"{', '.join(f'{len(indices)} about {name!r}' for name, indices in found.items())}. Read the prose of a "
            "whole installation, or ask for smaller `train_per_label` and `test_per_label`."
        )
    train, test, seen, chosen, train_sentences, train_words = [], [], set(), set(), set(), []
    candidates = [rng.permutation(found[name]).tolist() for name in names]
    for items, wanted in ((train, train_per_label), (test, test_per_label)):
        for label, indices in enumerate(candidates):
            missing = wanted
            while missing and indices:
                index = indices.pop()
                text = neutral_text(prose[index].text)
                sentences, words = _long_sentences(prose[index].text), set(re.findall(r"\w+", text.lower()))
                if letters(text) in seen or (
                    items is test and (sentences & train_sentences or any(_alike(words, w) for w in train_words))
                ):
                    continue
                seen.add(letters(text))
                chosen.add(index)
                items.append((text, label))
                missing -= 1
                if items is train:
                    train_sentences |= sentences
                    train_words.append(words)
            if missing:
                raise ValueError(
                    f"{missing} of {wanted} docstrings about {names[label]!r} are missing. Read the prose of "
                    "a whole installation, or ask for smaller `train_per_label` and `test_per_label`."
                )
    held_out = set().union(*(_long_sentences(prose[index].text) for index in chosen))
    rest = (_without(item, held_out) for index, item in enumerate(prose) if index not in chosen)
    train, test = ([items[i] for i in rng.permutation(len(items))] for items in (train, test))
    return LabelledDocstrings(train, test, names, [item for item in rest if item.text])


_TELLTALES = re.split(
    " ",
    "numpy np keras tensorflow tf tk ttk idle rpc wsgi imap ftp pop smtp layer loss metric optimizer activation "
    "regularizer data dataset distribute distributed distribution strategy core lib",
)
_IDENTIFIER = re.compile(
    r"(?<!\S)(?!\(?(?:e\.g|i\.e)\.)\S*(?:\w[._][A-Za-z_]|[a-z0-9][A-Z]|\w\(\S*\)|__)\S*?(?=[.,;:]?(\s|$))"
)
_MODULE_WORDS = {word for _, modules in SUBJECTS.values() for word in re.split(r"[ .]", modules)} - {"src", "python"}
_GIVEAWAYS = {word + plural for word in {*_TELLTALES, *_MODULE_WORDS} for plural in ("", "s", "es")}


def neutral_text(text: str, words: int = 40) -> str:
    """The first words of a docstring, with "name" in place of what would give its library away."""
    text = _IDENTIFIER.sub("name", " ".join(text.split()))
    text = re.sub(r"[A-Za-z]+", lambda match: "name" if match[0].lower() in _GIVEAWAYS else match[0], text)
    return " ".join(text.split()[:words])


def _candidates(prose: list[Prose], name: str) -> list[int]:
    library, modules = SUBJECTS[name]
    inside = re.compile(rf"({'|'.join(map(re.escape, modules.split()))})(\.|$)")
    return [
        index
        for index, item in enumerate(prose)
        if item.library == library and inside.match(item.part) and len(item.text.split()) >= 12
    ]


def _alike(words: set[str], others: set[str]) -> bool:
    return len(words & others) >= 0.6 * len(words | others)


def _long_sentences(text: str) -> set[str]:
    from keras_bert_layers.data import split_sentences

    return {letters(sentence) for sentence in split_sentences(text, "en") if len(sentence.split()) >= 8}


def _without(item: Prose, held_out: set[str]) -> Prose:
    from keras_bert_layers.data import split_sentences

    paragraphs = [split_sentences(paragraph, "en") for paragraph in item.text.split("\n\n")]
    kept = [" ".join(s for s in sentences if letters(s) not in held_out) for sentences in paragraphs]
    return Prose(item.library, item.part, "\n\n".join(filter(None, kept)))


def main() -> None:
    prose = read_installed_prose()
    for library in LIBRARIES:
        texts = [item.text for item in prose if item.library == library]
        print(f"{library:<12}{len(texts):>7,} docstrings {sum(len(t.encode()) for t in texts):>12,} bytes")
    train, test, names, remaining = labelled_docstrings(prose)
    corpus = documents(remaining)
    sentences = [sentence for document in corpus for sentence in document]
    size = sum(len(sentence.encode()) for sentence in sentences)
    print(f"For pretraining: {len(corpus):,} documents, {len(sentences):,} sentences, {size:,} bytes")
    print(f"Labelled: {len(train)} to train and {len(test)} to test, about {', '.join(names)}")
    for text, label in train[:6]:
        print(f"  {names[label]}: {text}")


if __name__ == "__main__":
    main()
