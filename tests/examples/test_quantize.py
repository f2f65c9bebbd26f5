"""The quantization script: a model that is kept and exported, one that is refused, and bad input."""

import numpy as np
import pytest
import quantize
import tensorflow as tf
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

LABELS = ["bad", "good"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier as `classify.py` leaves it, and a table of texts."""
    folder = tmp_path_factory.mktemp("quantize")
    model = randomized(
        models.text_classifier(models.bert_encoder(tiny.config(hidden_dim=16)), labels=LABELS), scale=0.3
    )
    convert.save_pretrained(model, folder / "trained" / "model", tiny.tokenizer())
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(tiny.WORDS[:4], rng.integers(1, 6))) for _ in range(24)]
    rows = [f"{text}\t{LABELS[number % 2]}" for number, text in enumerate(texts)]
    (folder / "dev.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    return folder


def arguments(folder, output, *further):
    given = ["--model", folder / "trained", "--dev", folder / "dev.tsv", "--output", output, "--repeats", 1]
    return [str(argument) for argument in [*given, "--sequence-length", 12, *further]]


@pytest.mark.parametrize("further", [(), ("--dtype", "bfloat16"), ("--calibration", "dev.tsv")])
def test_it_is_saved_and_exported(folder, tmp_path, capsys, further):
    further = [folder / each if each == "dev.tsv" else each for each in further]
    assert quantize.main(arguments(folder, tmp_path, "--threshold", 1, *further)) == 0
    printed = capsys.readouterr().out
    for part in ("MB ->", "times as fast", "accuracy 0."):
        assert part in printed
    loaded = convert.from_pretrained(tmp_path / "model")
    assert loaded.labels == LABELS
    kind = "bfloat16" if "bfloat16" in further else "int8"
    assert sum(weight.dtype == kind for weight in loaded.model.weights) >= 14
    served = tf.saved_model.load(tmp_path / "exported" / "1").signatures["text"](text=tf.constant(["good film"]))
    assert served["label"].numpy()[0].decode() in LABELS


def test_what_lost_too_much_is_not_written(folder, tmp_path, capsys, monkeypatch):
    answers = iter([{"accuracy": 0.9}, {"accuracy": 0.7}])
    problem = type("Scored", (), {"targets": lambda *_: None, "scores": lambda *_: next(answers)})()
    monkeypatch.setattr(quantize, "make_problem", lambda *given: problem)
    assert quantize.main(arguments(folder, tmp_path / "refused")) == 1
    assert "accuracy 0.9000 -> 0.7000 (-0.2000, allowed -0.0100)" in capsys.readouterr().err
    assert not (tmp_path / "refused").exists()


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--threshold", -1], "must not be negative"),
        (["--batch-size", 0], "--batch-size must be positive"),
        (["--model", "nowhere"], "nowhere"),
        (["--text", "sentence"], "sentence"),
        (["--dtype", "bfloat16", "--calibration", "dev.tsv"], "`calibration` and `embeddings` are for"),
    ],
)
def test_bad_input_ends_with_status_two_and_a_message(folder, tmp_path, capsys, further, message):
    further = [folder / each if each == "dev.tsv" else each for each in further]
    with pytest.raises(SystemExit) as ended:
        quantize.main(arguments(folder, tmp_path / "out", *further))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
