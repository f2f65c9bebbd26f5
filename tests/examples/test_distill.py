"""The distillation script: a student that is saved, one that is refused, and bad input."""

import json

import distill
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

LABELS = ["bad", "good"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fine-tuned checkpoint, and a table with the labels that it gives."""
    folder = tmp_path_factory.mktemp("distill")
    encoder = models.bert_encoder(tiny.config(num_layers=4, dropout=0.0, attention_dropout=0.0))
    teacher = randomized(models.text_classifier(encoder, labels=LABELS, dropout=0.0), scale=0.3)
    convert.save_pretrained(teacher, folder / "teacher" / "model", tiny.tokenizer())
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(tiny.WORDS[:4], rng.integers(1, 6))) for _ in range(48)]
    rows = [f"{text}\t{LABELS[number % 2]}" for number, text in enumerate(texts)]
    (folder / "train.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    return folder


def arguments(folder, output, *further):
    given = ["--model", folder / "teacher", "--train", folder / "train.tsv", "--output", output, "--epochs", 1]
    given += ["--batch-size", 16, "--sequence-length", 12, "--repeats", 1, *further]
    return [str(argument) for argument in given]


def test_a_student_is_saved_with_its_labels_and_its_figures(folder, capsys):
    output = folder / "run"
    assert distill.main(arguments(folder, output, "--max-drop", 1)) == 0
    printed = capsys.readouterr().out
    assert "times as fast" in printed
    student = convert.from_pretrained(output / "model")
    assert (student.labels, student.config.num_layers) == (LABELS, 2)
    results = json.loads((output / "results.json").read_text())
    assert results["student"]["weights"] < results["teacher"]["weights"]
    assert results["student"]["accuracy"] == pytest.approx(results["epochs"][0]["val_accuracy"])
    assert (output / "distill.png").read_bytes().startswith(b"\x89PNG")
    # All of the loss is a number, the part from the teacher among it.
    assert np.isfinite(results["epochs"][0]["distillation_loss"])


def test_a_student_that_is_worse_than_allowed_is_not_saved(folder, capsys, monkeypatch):
    monkeypatch.setattr(distill.fine_tuning, "train", lambda *given, **further: [{"epoch": 1, "val_accuracy": 0.0}])
    answers = iter([{"accuracy": 0.9}, {"accuracy": 0.1}, {"accuracy": 0.7}])
    monkeypatch.setattr(distill, "make_problem", lambda *given: _Scored(answers))
    output = folder / "refused"
    assert distill.main(arguments(folder, output, "--layers", "0,1,3", "--max-drop", 0.1)) == 1
    assert "accuracy 0.9000 -> 0.7000 (-0.2000, allowed -0.1000)" in capsys.readouterr().err
    assert not (output / "model").exists()
    assert json.loads((output / "results.json").read_text())["student"]["layers"] == 3


class _Scored:
    """A problem whose scores are given."""

    def __init__(self, answers):
        self.answers = answers

    def targets(self, table):
        return np.eye(2, dtype="float32")[np.zeros(len(table), int)]

    def loss(self, label_smoothing):
        return "mse"

    def scores(self, targets, logits):
        return dict(next(self.answers))


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (("--layers", "0,x"), "numbers with commas between"),
        (("--layers", "0,9"), "0 to 3, rising"),
        (("--lora", "4"), "leave out --lora"),
        (("--label-weight", "1"), "--label-weight is a share"),
        (("--metric", "spearman"), "accuracy, macro_f1, matthews"),
        (("--train", "none.tsv"), "none.tsv"),
    ],
)
def test_bad_input_ends_with_status_2_and_the_message(folder, capsys, further, message):
    with pytest.raises(SystemExit) as ended:
        distill.main(arguments(folder, folder / "bad", *further))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
