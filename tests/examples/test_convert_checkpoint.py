"""The script that converts checkpoints: what it reports is so, and its status tells equal, different and bad input."""

import subprocess
import sys
from pathlib import Path

import checkpoint_parity as parity
import checkpoint_peers as peers
import convert_checkpoint
import convert_directories as checkpoints
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

SCRIPT = Path(__file__).parents[2] / "examples" / "convert_checkpoint.py"


@pytest.fixture
def alone(monkeypatch):
    """As if neither transformers nor keras-hub were installed: both take seconds to import."""
    monkeypatch.setattr(peers, "missing_packages", lambda format: [peers.LIBRARIES[format]])


@pytest.fixture
def source(tmp_path):
    return checkpoints.huggingface(tmp_path / "source")


def converted(capsys, *arguments):
    """The status and the output of the script."""
    status = convert_checkpoint.main([str(argument) for argument in arguments])
    return status, capsys.readouterr().out


def row(out, name):
    """The entries of a row of the report."""
    return next(line for line in out.splitlines() if line.startswith(f"{name} ")).split()[1:]


@pytest.mark.parametrize(
    ("target_format", "task"),
    [
        ("huggingface", "pretraining"),
        ("google", "masked_lm"),
        ("google", "pretraining"),
        ("keras_bert_layers", "encoder"),
    ],
)
def test_every_weight_arrives(target_format, task, source, tmp_path, capsys, alone):
    target = tmp_path / "uncased"
    status, out = converted(capsys, source, target, "--to", target_format, "--task", task)
    assert status == 0
    assert out.endswith("Equal.\n")
    assert f"format      huggingface\n  family      bert\n  task        {task}\n" in out
    again = convert.from_pretrained(target, task, format=target_format)
    expected = convert.from_pretrained(source, task)
    for weight, here in zip(again.model.weights, expected.model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), here.numpy())


def test_what_is_not_used_is_listed_with_its_reason(source, tmp_path, capsys, alone):
    extra = {"my.head": np.ones(2, "float32")}
    checkpoints.change_tensors(source, lambda tensors: tensors | extra)
    arguments = (source, tmp_path / "target", "--to", "keras_bert_layers", "--task", "masked_lm")
    _, out = converted(capsys, *arguments, "--ignore", r"my\..*")
    assert "not used    5 tensor(s)" in out
    assert "left out by `ignore`:\n      my.head\n" in out
    assert "belongs to the part 'next_sentence', which this model has not:\n      cls.seq_relationship.bias, " in out
    assert "Another --task keeps what belongs to its head." in out


def test_labels_are_written_and_may_be_given(tmp_path, capsys, alone):
    classifier = randomized(models.text_classifier(models.bert_encoder(tiny.config()), 2))
    source = checkpoints.huggingface(tmp_path / "source", classifier)
    target = tmp_path / "target"
    _, out = converted(capsys, source, target, "--to", "huggingface", "--labels", "bad", "good")
    assert "labels      bad, good\n" in out
    assert convert.from_pretrained(target).labels == ["bad", "good"]


def test_weights_go_without_a_tokenizer(source, tmp_path, capsys, alone):
    (source / "vocab.txt").unlink()
    status, out = converted(capsys, source, tmp_path / "target", "--to", "keras_bert_layers", "--no-tokenizer")
    assert status == 0
    assert "token ids" not in out


def test_own_texts_are_compared(source, tmp_path, capsys, alone, monkeypatch):
    seen = []
    monkeypatch.setattr(parity, "compare_ids", lambda report, column, ids, again: seen.append((ids, again)))
    (tmp_path / "texts.txt").write_text("the film\n\nvery good films\n", encoding="utf-8")
    arguments = ("--to", "keras_bert_layers", "--texts", tmp_path / "texts.txt")
    converted(capsys, source, tmp_path / "target", *arguments)
    ids = [tiny.tokenizer().tokenize(text).numpy().tolist() for text in ("the film", "very good films")]
    assert seen == [(ids, ids)]


def test_a_weight_that_differs_by_one_bit_gives_status_1(source, tmp_path, capsys, alone, monkeypatch):
    def write_something_else(loaded, options):
        gamma = loaded.model.get_layer("embeddings").norm.gamma
        before = gamma.numpy()
        gamma.assign(np.nextafter(before, np.float32(np.inf)))
        convert.save_pretrained(loaded.model, options.target, loaded.tokenizer)
        gamma.assign(before)

    monkeypatch.setattr(convert_checkpoint, "write", write_something_else)
    status, out = converted(capsys, source, tmp_path / "target", "--to", "keras_bert_layers")
    assert status == 1
    assert "1 of 46 differ (!)" in out
    assert out.endswith("Not equal: see (!).\n")


@pytest.mark.parametrize(
    ("shift", "options", "status"), [(3e-5, (), 0), (3e-4, (), 1), (3e-4, ("--tolerance", "1e-3"), 0), (np.nan, (), 1)]
)
def test_another_library_may_differ_by_the_tolerance(shift, options, status, source, tmp_path, capsys, monkeypatch):
    def shifted(format, directory, loaded, features):
        outputs = parity.outputs_of(loaded, features)
        return {"masked_lm": outputs["masked_lm"] + np.float32(shift)}

    monkeypatch.setattr(peers, "missing_packages", lambda format: [])
    monkeypatch.setattr(peers, "outputs_there", shifted)
    monkeypatch.setattr(peers, "transformers_ids", lambda directory, texts: None)
    found, out = converted(capsys, source, tmp_path / "target", "--to", "keras_bert_layers", *options)
    assert found == status
    assert "source in transformers" in out


def test_differences_in_padding_do_not_count():
    mask = np.array([[1, 1], [1, 0]])
    expected = {"sequence_output": np.zeros((2, 2, 3)), "pooled_output": np.zeros((2, 3))}
    actual = {"sequence_output": np.zeros((2, 2, 3)), "pooled_output": np.zeros((2, 3)), "more": np.ones(1)}
    actual["sequence_output"][1, 1] = 7
    report = parity.Report(1e-4)
    report.add_outputs("there", expected, actual, mask)
    assert report.columns == {"there": {"sequence_output": "0", "pooled_output": "0"}}
    actual["sequence_output"][1, 0] = 7
    report.add_outputs("there", expected, actual, mask)
    assert report.failed
    assert report.columns["there"]["sequence_output"] == "7.0e+00 (!)"


def test_a_library_that_cannot_run_the_files_is_reported(source, tmp_path, capsys, monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no such class\nand more")

    monkeypatch.setattr(peers, "missing_packages", lambda format: [])
    monkeypatch.setattr(peers, "outputs_there", broken)
    status, out = converted(capsys, source, tmp_path / "target", "--to", "keras_bert_layers")
    assert status == 1
    assert "source in transformers failed (!) RuntimeError: no such class\n" in out


def test_a_library_that_is_not_installed_is_named(source, tmp_path, capsys, alone):
    status, out = converted(capsys, source, tmp_path / "target", "--to", "keras_bert_layers")
    assert status == 0
    assert "not run     source in transformers: transformers not installed" in out


@pytest.mark.parametrize("task", ["pretraining", "masked_lm", "text_classification", "question_answering"])
def test_transformers_computes_the_same(task, tmp_path, capsys):
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
    pytest.importorskip("transformers", reason="needs Hugging Face transformers: pip install '.[parity]'")
    heads = {
        "pretraining": models.bert_pretrainer,
        "masked_lm": models.masked_lm,
        "text_classification": lambda encoder: models.text_classifier(encoder, 3),
        "question_answering": models.span_predictor,
    }
    pooled = task in ("pretraining", "text_classification")
    model = randomized(heads[task](models.bert_encoder(tiny.config(), pooler=pooled)))
    source = checkpoints.huggingface(tmp_path / "source", model)
    status, out = converted(capsys, source, tmp_path / "target", "--to", "huggingface")
    assert status == 0, out
    outputs = {
        "pretraining": {"pooled_output", "masked_lm", "next_sentence"},
        "masked_lm": {"masked_lm"},
        "text_classification": {"pooled_output", "text_classification"},
        "question_answering": {"start", "end"},
    }
    for name in outputs[task] | {"sequence_output"}:
        read_back, source_there, target_there = map(float, row(out, name))
        assert read_back == 0
        assert 0 <= source_there < 1e-4
        assert 0 <= target_there < 1e-4


def test_pooling_that_another_task_loses_is_pointed_out(tmp_path, capsys, alone):
    embedder = models.text_embedder(models.bert_encoder(tiny.config(), pooler=False))
    source = checkpoints.huggingface(tmp_path / "source", embedder)
    arguments = (source, tmp_path / "target", "--to", "keras_bert_layers")
    assert "--task sentence_embedding keeps how" in converted(capsys, *arguments, "--task", "encoder")[1]
    out = converted(capsys, *arguments, "--task", "sentence_embedding", "--overwrite")[1]
    assert "keeps how" not in out


def test_sentence_vectors_are_compared_with_transformers(tmp_path, capsys):
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
    pytest.importorskip("transformers", reason="needs Hugging Face transformers: pip install '.[parity]'")
    embedder = randomized(models.text_embedder(models.bert_encoder(tiny.config(), pooler=False), "max"))
    source = checkpoints.huggingface(tmp_path / "source", embedder)
    arguments = (source, tmp_path / "target", "--to", "huggingface", "--task", "sentence_embedding")
    status, out = converted(capsys, *arguments)
    assert status == 0, out
    assert "task        sentence_embedding (max)" in out
    assert len(row(out, "sentence_embedding")) == 3


@pytest.mark.parametrize(
    ("task", "options", "tolerance"),
    [("text_classification", (), 1e-4), ("masked_lm", ("--approximate", "--new-pooler", "--tolerance", "1e-3"), 1e-3)],
)
def test_keras_hub_computes_the_same(task, options, tolerance, tmp_path, capsys):
    encoder = models.bert_encoder(tiny.config(activation="gelu_tanh"))
    model = models.masked_lm(encoder) if task == "masked_lm" else models.text_classifier(encoder, 3)
    convert.save_pretrained(randomized(model, scale=0.1), tmp_path / "source", tiny.tokenizer())
    status, out = converted(capsys, tmp_path / "source", tmp_path / "target", "--to", "keras_hub", *options)
    assert status == 0, out
    assert float(row(out, "sequence_output")[1]) < 1e-4
    assert float(row(out, task)[1]) < tolerance


def in_use(path):
    path.mkdir()
    (path / "mine").write_text("precious")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "target", "--to", "google"], "There is no directory 'nowhere'"),
        (["source", "used", "--to", "huggingface"], "is a directory that is not empty"),
        (["source", "source", "--to", "huggingface", "--overwrite"], "is the source itself"),
        (["source", "target", "--to", "keras_hub"], "keras-hub has no class for a BERT for pretraining"),
        (["source", "target", "--to", "huggingface", "--from", "google"], "no checkpoint in the format 'google'"),
        (["source", "target", "--to", "huggingface", "--task", "text_classification"], "has no head for text_classif"),
        (["source", "target", "--to", "huggingface", "--texts", "absent.txt"], "absent.txt"),
    ],
)
def test_bad_input_gives_status_2_and_a_message(arguments, message, source, tmp_path, capsys, alone, monkeypatch):
    monkeypatch.chdir(tmp_path)
    in_use(tmp_path / "used")
    with pytest.raises(SystemExit) as exit:
        convert_checkpoint.main(arguments)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "target").exists()
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine"]


@pytest.mark.long
def test_the_command_is_silent_but_for_its_report(source, tmp_path):
    own = tmp_path / "own"
    loaded = convert.from_pretrained(source)
    convert.save_pretrained(loaded.model, own, loaded.tokenizer)
    command = [sys.executable, SCRIPT, own, tmp_path / "uncased", "--to", "google"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    assert done.stdout.endswith("Equal.\n")
