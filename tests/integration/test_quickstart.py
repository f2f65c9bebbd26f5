"""The quickstart on a small corpus of the user's own: it runs to the end, and says what is wrong with bad files."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import quickstart_texts

SCRIPT = Path(__file__).parents[2] / "examples" / "quickstart.py"
SUBJECTS = {
    "weather": ["the rain begins", "snow falls in the night", "a cold wind blows", "the sun is out again"],
    "animals": ["the cat sleeps", "a dog runs in the night", "the horse is out again", "a bird begins to sing"],
}


@pytest.fixture
def own_texts(tmp_path):
    """A folder of texts, and a file of labelled ones."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(8):
        paragraphs = (f"{' and then '.join(lines)} once more. {lines[number % 4]}." for lines in SUBJECTS.values())
        (corpus / f"{number}.txt").write_text("\n\n".join(paragraphs) + f"\n\nThis is text {number}.", encoding="utf-8")
    labelled = tmp_path / "labelled.tsv"
    rows = [f"{line} number {n}\t{label}" for label, lines in SUBJECTS.items() for line in lines for n in range(3)]
    labelled.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return corpus, labelled


@pytest.mark.long
def test_it_runs_to_the_end_on_own_texts(own_texts, tmp_path):
    corpus, labelled = own_texts
    output = tmp_path / "out"
    sizes = "--steps 10 --hidden-dim 32 --num-layers 1 --batch-size 4 --vocabulary-size 150 --fine-tuning-epochs 2"
    command = [sys.executable, SCRIPT, "--corpus", corpus, "--labelled", labelled, "--output", output, *sizes.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.findall(r"\[(\d)/6\]", done.stdout) == list("123456")
    assert done.stderr == ""

    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert summary["accuracy_majority"] == 0.5
    assert summary["exported"] in done.stdout
    assert (output / "classifier" / "1" / "saved_model.pb").exists()
    assert (output / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good\tyes\nbad\n", r"line 2: expected text<TAB>label. Received 1 column\(s\): \['bad'\]"),
        ("good\tyes\n\tno\n", "line 2: expected text<TAB>label"),
        ("good\tyes\nfine\tyes\n", r"two labels or more, .*\{'yes': 2\}"),
        ("good\tyes\nfine\tyes\nbad\tno\nbad\tno\n", r"\{'yes': 2, 'no': 1\}"),
    ],
)
def test_a_bad_file_of_labels_is_refused_by_line(text, message, tmp_path):
    path = tmp_path / "labelled.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        quickstart_texts.read_labelled(path, seed=0)


def test_labelled_texts_are_split_without_overlap_and_with_every_label_on_both_sides(own_texts):
    train, test, label_names, _ = quickstart_texts.read_labelled(own_texts[1], seed=3)
    assert label_names == ["animals", "weather"]
    assert {label for _, label in train} == {label for _, label in test} == {0, 1}
    assert not {text for text, _ in train} & {text for text, _ in test}
    assert len(train) + len(test) == 24


def test_a_sentence_that_is_labelled_is_not_pretrained_on(tmp_path, own_texts):
    corpus, labelled = own_texts
    with labelled.open("a", encoding="utf-8") as file:
        file.write("This is text 3.\tanimals\n")
    documents, _ = quickstart_texts.gather(corpus, labelled, seed=0)
    sentences = {sentence for document in documents for sentence in document}
    assert "This is text 2." in sentences
    assert "This is text 3." not in sentences
