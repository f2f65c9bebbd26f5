"""The classification script: every kind of label, its answers in order, runs that are killed, and bad input."""

import argparse
import csv
import io
import json

import classify
import fine_tuning
import numpy as np
import pytest
import tensorflow as tf
import tiny
from classify_data import held_out
from parity_weights import randomized

from keras_bert_layers import convert, models

TRAINING = ("--epochs", 2, "--batch-size", 16, "--learning-rate", 5e-3, "--sequence-length", 12)
LABELS = ["bad", "good", "not"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny checkpoint, and tables whose labels stand in the texts."""
    folder = tmp_path_factory.mktemp("classify")
    encoder = randomized(models.bert_encoder(tiny.config(num_layers=1)), scale=0.3)
    convert.save_pretrained(encoder, folder / "checkpoint", tiny.tokenizer())
    rng = np.random.default_rng(0)
    sets = [set(rng.choice(LABELS, rng.integers(0, 3), replace=False)) for _ in range(70)]
    words = [list(rng.permutation(["the", "film", "is", "very", *sorted(labels)])) for labels in sets]
    texts = [" ".join(text) for text in words]
    texts[5] = ""
    texts[6] = "the film is very good . " * 4
    one = [sorted(labels)[0] if labels else "not" for labels in sets]
    write(folder / "train.tsv", [["text", "label"], *zip(texts[:60], one, strict=False)])
    write(folder / "test.tsv", [["text", "label"], *zip(texts[60:], one[60:], strict=False)])
    with (folder / "several.jsonl").open("w") as file:
        for text, labels in zip(texts, sets, strict=True):
            print(json.dumps({"text": text, "label": sorted(labels)}), file=file)
    with (folder / "pairs.csv").open("w", newline="") as file:
        rows = [[a, f"{b},\n.", len(labels)] for a, b, labels in zip(texts, texts[1:], sets, strict=False)]
        csv.writer(file).writerows(rows)
    return folder


def write(path, rows):
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def run(capsys, *arguments):
    assert classify.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr()


@pytest.fixture(scope="module")
def trained(folder):
    """The folder of a run with one label a text; all options of such a run are in it."""
    output = folder / "run"
    arguments = ["--model", folder / "checkpoint", "--train", folder / "train.tsv", "--test", folder / "test.tsv"]
    arguments += [*TRAINING, "--output", output, "--class-weights", "balanced", "--label-smoothing", 0.1]
    arguments += ["--metric", "macro_f1", "--predict", folder / "test.tsv", "--predictions", output / "test.jsonl"]
    classify.main([str(argument) for argument in [*arguments, "--export", folder / "served"]])
    return output


def test_a_run_leaves_the_model_with_its_labels_and_its_results(trained):
    found = convert.from_pretrained(trained / "model")
    assert (found.labels, models.labels_of(found.model)) == (LABELS, LABELS)
    assert found.sequence_length == 12
    results = json.loads((trained / "results.json").read_text())
    assert [row["epoch"] for row in results["epochs"]] == [1, 2]
    assert results["examples"]["train"]["examples"] + results["examples"]["dev"]["examples"] == 60
    assert sum(results["examples"][name]["empty"] for name in ("train", "dev")) == 1
    assert sum(results["examples"][name]["cut"] for name in ("train", "dev")) == 1
    assert results["dev"]["macro_f1"] == pytest.approx(max(row["val_macro_f1"] for row in results["epochs"]))
    assert set(results["test"]) == {"accuracy", "macro_f1", "matthews"}
    assert (trained / "errors.png").read_bytes().startswith(b"\x89PNG")


def test_answers_come_in_order_with_the_probabilities_of_the_saved_model(trained, folder):
    answers = [json.loads(line) for line in (trained / "test.jsonl").read_text().splitlines()]
    found = convert.from_pretrained(trained / "model")
    for answer in answers:  # each on its own, with no padding
        features = found.preprocessor()([answer["text"]])
        expected = tf.nn.softmax(found.model({name: features[name] for name in found.model.input}))[0].numpy()
        np.testing.assert_allclose([answer["probabilities"][label] for label in LABELS], expected, atol=1e-5)
        assert answer["label"] == LABELS[expected.argmax()]
    lines = (folder / "test.tsv").read_text().splitlines()[1:]
    assert [answer["text"] for answer in answers] == [line.split("\t")[0] for line in lines]


def test_the_export_answers_like_the_run(trained, folder):
    answers = [json.loads(line) for line in (trained / "test.jsonl").read_text().splitlines()]
    served = tf.saved_model.load(folder / "served" / "1").signatures["text"]
    labels = served(text=tf.constant([answer["text"] for answer in answers]))["label"]
    assert labels.numpy().astype(str).tolist() == [answer["label"] for answer in answers]


def test_lines_of_the_standard_input_are_answered_one_for_one(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("good film\n\nbad\tfilm\n"))
    printed = run(capsys, "--model", trained, "--predict", "-")
    rows = [line.split("\t") for line in printed.out.splitlines()]
    assert [row[2] for row in rows] == ["good film", "", "bad film"]
    assert {row[0] for row in rows} <= set(LABELS)
    assert "3 texts (1 empty (line 2))" in printed.err


def test_words_that_the_tokenizer_does_not_know_are_counted(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"good {'x' * 101}\n\u2602 film \u2602\nbad film\n"))
    assert "3 texts (3 words unknown)" in run(capsys, "--model", trained, "--predict", "-").err


def test_a_run_that_was_killed_ends_like_one_that_was_not(trained, folder, tmp_path, capsys, monkeypatch):
    class Killed(Exception):
        pass

    begin = fine_tuning.EpochClock.on_epoch_begin

    def begin_or_be_killed(self, epoch, logs=None):
        if epoch == 1:
            raise Killed
        begin(self, epoch, logs)

    arguments = ["--model", folder / "checkpoint", "--train", folder / "train.tsv", *TRAINING, "--output", tmp_path]
    arguments += ["--class-weights", "balanced", "--label-smoothing", 0.1, "--metric", "macro_f1"]
    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning.EpochClock, "on_epoch_begin", begin_or_be_killed)
        with pytest.raises(Killed):
            classify.main([str(argument) for argument in arguments])
    assert "going on after step 4" in run(capsys, *arguments).out
    again, whole = (convert.from_pretrained(path / "model").model.get_weights() for path in (tmp_path, trained))
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_labels_a_text(folder, tmp_path, capsys):
    arguments = ["--model", folder / "checkpoint", "--train", folder / "several.jsonl", "--multi-label", ","]
    arguments += ["--dev", folder / "several.jsonl", *TRAINING, "--output", tmp_path, "--lora", 2]
    printed = run(capsys, *arguments, "--predict", folder / "several.jsonl")
    assert "micro f1" in printed.out
    assert models.problem_type_of(convert.from_pretrained(tmp_path / "model").model) == "multi_label"
    rows = [line.split("\t") for line in (tmp_path / "predictions.tsv").read_text().splitlines()]
    assert len(rows) == 70
    for labels, probabilities, _ in rows:
        assert len(labels.split(",")) == len(probabilities.split(","))
        assert all(float(probability) > 0.5 for probability in probabilities.split(",") if probability)


def test_numbers_for_pairs(folder, tmp_path, capsys):
    columns = ("--text", 0, "--text-pair", 1)
    arguments = ["--model", folder / "checkpoint", "--train", folder / "pairs.csv", "--regression", "--label", 2]
    printed = run(capsys, *arguments, *columns, *TRAINING, "--output", tmp_path)
    assert "pairs" in printed.out
    assert "spearman" in printed.out
    answers = run(capsys, "--model", tmp_path, *columns, "--predict", folder / "pairs.csv").out.splitlines()
    assert len(answers) == 69
    values = [float(line.split("\t")[0]) for line in answers]
    with (folder / "pairs.csv").open(newline="") as file:
        labels = [float(row[2]) for row in csv.reader(file)]
    assert abs(np.mean(values) - np.mean(labels)) < np.std(labels)
    assert np.std(values) > 0


def test_a_table_of_an_earlier_model_is_scored_without_training(trained, folder, tmp_path, capsys):
    printed = run(capsys, "--model", trained, "--test", folder / "test.tsv", "--output", tmp_path)
    expected = json.loads((trained / "results.json").read_text())["test"]["accuracy"]
    assert f"accuracy {expected:.4f}" in printed.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["errors.png"]


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        ([["text", "label"], ["a"]], [], r"line 2: expected 2 column(s)"),
        ([["a", "1"]], [], "expected one column named 'text'"),
        ([["text", "label"], ["a", ""]], [], "line 2: expected a label"),
        (
            [["text", "label"], ["a", "many"], *[["a", "1"]] * 20],
            ["--regression"],
            "line 2: expected a number as label",
        ),
        ([["text", "label"], ["a", ""]], ["--multi-label", ","], "train.tsv: `names` must be the names of classes"),
        ([["text", "label"], ["a", "x"]], ["--model", "nowhere"], "nowhere"),
        ([["text", "label"], ["a", "x"]], [], "has too few examples to hold out a tenth"),
        ([["text", "label"], ["a", "x"]] * 20, ["--dev", "test.tsv"], "There are others: "),
        ([["text", "label"], ["a", "x"]], ["--predict", "absent.tsv"], "absent.tsv"),
    ],
)
def test_bad_input_ends_with_status_2_and_a_message(rows, arguments, message, folder, tmp_path, capsys):
    write(tmp_path / "train.tsv", rows)
    arguments = [folder / argument if argument == "test.tsv" else argument for argument in arguments]
    arguments = ["--model", folder / "checkpoint", "--train", tmp_path / "train.tsv", "--output", tmp_path, *arguments]
    with pytest.raises(SystemExit) as caught:
        classify.main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_labels_that_a_model_does_not_know_are_named(trained, tmp_path, capsys):
    write(tmp_path / "test.tsv", [["text", "label"], ["a film", "good"], ["a film", "awful"]])
    with pytest.raises(SystemExit) as caught:
        classify.main(["--model", str(trained), "--test", str(tmp_path / "test.tsv")])
    assert caught.value.code == 2
    assert "test.tsv: Expected labels among the 3 known ones: bad, good, not. There are others: 'awful'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["--train", "a.tsv", "--metric", "spearman"], "--metric must be one of accuracy, macro_f1, matthews"),
        (["--train", "a.tsv", "--regression", "--class-weights", "balanced"], "--class-weights goes with"),
        (["--train", "a.tsv", "--regression", "--label-smoothing", "0.1"], "not with --regression"),
        (["--predict", "a.tsv", "--predictions", "a.xls"], "must end in .tsv or .jsonl"),
        (["--train", "a.tsv", "--predictions", "a.tsv"], "pass that too"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        classify.main(["--model", "anything", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "problem_type", "labels", "origin"),
    [
        (["a", "b", "c"], "single_label", ["c", "a", "b"], "of the checkpoint"),
        (["x", "y", "z"], "single_label", ["x", "y", "z"], "new"),
        (["a", "b"], "single_label", ["a", "b"], "new"),
        (["a", "b", "c"], "multi_label", ["a", "b", "c"], "new"),
    ],
)
def test_a_head_is_kept_only_for_the_same_labels_and_then_in_its_order(names, problem_type, labels, origin, tmp_path):
    encoder = models.bert_encoder(tiny.config(num_layers=1))
    saved = randomized(models.text_classifier(encoder, labels=["c", "a", "b"]))
    convert.save_pretrained(saved, tmp_path / "model", tiny.tokenizer())
    options = argparse.Namespace(model=str(tmp_path), problem_type=problem_type)
    loaded, found_origin = classify.load(options, names)
    assert (models.labels_of(loaded.model), found_origin) == (labels, origin)
    assert models.problem_type_of(loaded.model) == problem_type
    kernel = np.asarray(loaded.model.get_layer("classification").logits.kernel)
    same = kernel.shape == (8, 3) and np.array_equal(kernel, saved.get_layer("classification").logits.kernel)
    assert same == (origin == "of the checkpoint")
    assert np.array_equal(loaded.model.get_layer("pooler").get_weights()[0], saved.get_layer("pooler").get_weights()[0])


def test_a_tenth_is_held_out_of_every_label():
    labels = ["often"] * 200 + ["rarely"] * 40 + ["once"]
    chosen = held_out(labels, 0.1, seed=3)
    assert chosen.sum() in (24, 25)
    assert (chosen[:200].sum(), chosen[200:240].sum()) == (20, 4)
    np.testing.assert_array_equal(chosen, held_out(labels, 0.1, seed=3))
    assert (chosen != held_out(labels, 0.1, seed=4)).any()
