"""The prose of an installation is the same every time, and the labelled set shares nothing with the rest."""

from collections import Counter

import installed_prose
import pytest
from installed_prose import Prose, documents, labelled_docstrings, letters, neutral_text, read_installed_prose

from keras_bert_layers.data import split_sentences

FILES = {
    "one/__init__.py": '"""The first of the packages."""',
    "one/z.py": '"""The last of the modules.\n\nThe text is shared by two."""',
    "one/sub/a.py": 'def f():\n    """The text is SHARED, by two."""\ndef g():\n    """The one of its own."""',
    "two/a.py": '"""The second library is here."""',
}
EXPECTED = [
    Prose("one", "__init__", "The first of the packages."),
    Prose("one", "z", "The last of the modules.\n\nThe text is shared by two."),
    Prose("one", "sub.a", "The one of its own."),
    Prose("two", "a", "The second library is here."),
]


@pytest.fixture
def roots(tmp_path):
    for name, source in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    return {"one": tmp_path / "one", "two": tmp_path / "two"}


@pytest.mark.parametrize("processes", [1, 3])
def test_prose_is_read_in_order_without_copies_whatever_the_processes(roots, processes):
    assert read_installed_prose(roots, processes) == EXPECTED


def test_every_library_is_found_where_it_is_installed():
    roots = installed_prose.installed_roots()
    assert list(roots) == ["stdlib", "numpy", "keras", "tensorflow"]
    assert all(next(root.glob("*.py")).is_file() for root in roots.values())


def test_a_module_is_one_document_of_sentences():
    prose = [Prose("one", "a", "It is. It was.\n\nAnd will be."), Prose("one", "b", "No."), Prose("one", "a", "End.")]
    assert documents(prose) == [["It is.", "It was.", "And will be.", "End."], ["No."]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A tf.Tensor, np.array or Keras Layer.", "A name, name or name name."),
        ("Reads my_data with MyReader() of Emails.", "Reads name with name of name."),
        ("Text in the\n\nemail module, e.g. 2.0 layered ones", "Text in the name module, e.g. 2.0 layered ones"),
    ],
)
def test_names_that_give_the_library_away_are_replaced(text, expected):
    assert neutral_text(text) == expected


def test_the_neutral_text_is_cut_to_its_first_words():
    assert neutral_text("one two three four", words=3) == "one two three"


NUMERALS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]


def some_prose():
    """Twelve docstrings of each subject, each with a sentence of its own; every third has one that others have too."""
    prose = []
    for subject, (library, modules) in installed_prose.SUBJECTS.items():
        for number, numeral in enumerate(NUMERALS):
            own = f"This speaks of {' '.join(subject + numeral + letter for letter in 'abcdefghij')}."
            shared = " The same words stand in many of them." if number % 3 == 0 else ""
            prose.append(Prose(library, f"{modules.split(' ')[0]}.part", own + shared))
    return [*prose, Prose("stdlib", "other", "The same words stand in many of them. And other words.")]


def long_sentences(text):
    return {letters(sentence) for sentence in split_sentences(text, "en") if len(sentence.split()) >= 8}


def test_labels_are_balanced_and_name_the_subject():
    train, test, names, _ = labelled_docstrings(some_prose(), train_per_label=3, test_per_label=2)
    assert names == list(installed_prose.SUBJECTS)
    assert Counter(label for _, label in train) == dict.fromkeys(range(6), 3)
    assert Counter(label for _, label in test) == dict.fromkeys(range(6), 2)


def test_no_text_is_shared_between_training_test_and_pretraining():
    prose = some_prose()
    train, test, _, remaining = labelled_docstrings(prose, train_per_label=3, test_per_label=2)
    texts = [letters(text) for text, _ in [*train, *test]]
    assert len(set(texts)) == len(texts)
    originals = {neutral_text(item.text): item for item in prose}
    of_train, of_test = (set().union(*(long_sentences(originals[t].text) for t, _ in part)) for part in (train, test))
    of_rest = set().union(*(long_sentences(item.text) for item in remaining))
    assert letters("The same words stand in many of them.") in of_train
    assert not of_train & of_test
    assert not of_rest & (of_train | of_test)
    assert remaining[-1] == Prose("stdlib", "other", "And other words.")
    assert len(remaining) == len(prose) - len(texts)


def test_the_seed_chooses_the_items():
    prose = some_prose()
    sizes = {"train_per_label": 3, "test_per_label": 2}
    assert labelled_docstrings(prose, 1, **sizes) == labelled_docstrings(prose, 1, **sizes)
    assert labelled_docstrings(prose, 1, **sizes) != labelled_docstrings(prose, 2, **sizes)


def test_a_subject_of_which_the_installation_holds_too_little_is_left_out():
    prose = [item for item in some_prose() if not item.part.startswith("tkinter")]
    prose += [item for item in some_prose() if item.part.startswith("tkinter")][:4]
    train, test, names, _ = labelled_docstrings(prose, train_per_label=3, test_per_label=2)
    assert names == [name for name in installed_prose.SUBJECTS if name != "windows"]
    assert {label for _, label in [*train, *test]} == set(range(5))


def test_too_little_prose_is_refused_with_the_subjects():
    with pytest.raises(ValueError, match="123 docstrings each are needed"):
        labelled_docstrings(some_prose(), train_per_label=3)


def test_a_test_item_that_resembles_a_training_item_is_passed_over():
    pair = "The {} edge of the window is where the pointer has to be for it."
    prose = [item for item in some_prose() if not item.part.startswith("tkinter")]
    prose += [Prose("stdlib", "tkinter.part", pair.format(side)) for side in ("left", "right", "upper", "lower")]
    with pytest.raises(ValueError, match="1 of 1 docstrings about 'windows' are missing"):
        labelled_docstrings(prose, train_per_label=1, test_per_label=1)


@pytest.mark.long
def test_a_real_installation_gives_megabytes_of_prose_and_a_balanced_task():
    prose = read_installed_prose()
    assert sum(len(item.text) for item in prose) > 5_000_000
    train, test, names, remaining = labelled_docstrings(prose)
    assert (len(train), len(test)) == (50 * len(names), 120 * len(names))
    held_out = set().union(*(long_sentences(text) for text, _ in [*train, *test]))
    corpus = documents(remaining)
    assert sum(map(len, corpus)) > 60_000
    assert not held_out & {letters(sentence) for document in corpus for sentence in document}
