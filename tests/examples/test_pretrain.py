"""The pretraining program: it runs to the end from texts and records, says what is wrong, and survives kills."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pretrain
import pretrain_data
import pytest
import tiny

from keras_bert_layers import convert, data, models, text

BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"
WORDS = ["the", "a", "rain", "cat", "dog", "sun", "wind", "runs", "sleeps", "falls", "is", "good", "bad", "very", "not"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder of twelve documents."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for number in range(12):
        lines = (" ".join(rng.choice(WORDS, rng.integers(4, 10))) + "." for _ in range(20))
        (folder / f"{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_it_pretrains_from_texts_and_says_how_to_go_on(corpus, tmp_path, capsys, monkeypatch):
    trained, begin = [], pretrain.begin_positions
    monkeypatch.setattr(pretrain, "begin_positions", lambda model, **kw: trained.append(kw) or begin(model, **kw))
    output = tmp_path / "out"
    pretrain.main(["--smoke", "--corpus", str(corpus), "--output", str(output), "--tensorboard"])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"convert_checkpoint.py {output / 'pretrained'} {output / 'huggingface'} --to huggingface" in printed.out
    assert trained == [{"trained": 0}, {"trained": 16}]

    summary = json.loads((output / "summary.json").read_text())
    assert summary["steps"] == 10
    assert 6 * 4 * 8 < summary["tokens"] <= 6 * 4 * 16 + 4 * 2 * 24
    np.testing.assert_allclose(summary["held_out_perplexity"], np.exp(summary["held_out_masked_lm_loss"]))
    rows = json.loads((output / "progress.json").read_text())
    assert [row["step"] for row in rows if "val_loss" in row] == [4, 6, 8, 10]
    assert (output / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert any((output / "tensorboard").iterdir())

    loaded = convert.from_pretrained(output / "pretrained")
    assert loaded.task == "pretraining"
    assert loaded.tokenizer.vocabulary_size == loaded.config.vocabulary_size


@pytest.mark.long
@pytest.mark.parametrize(
    "options",
    [
        "--objective none --max-sequences 4 --optimizer lamb --clip-norm 0",
        "--objective sentence_order --precision bfloat16 --held-out 0 --mask-strategy span",
        "--precision float16 --steps-per-execution 2 --mask-strategy whole_word",
    ],
    ids=["packed singles", "ordered pairs", "two steps at a time"],
)
def test_the_saved_model_has_the_trained_weights(options, corpus, tmp_path):
    output = tmp_path / "out"
    pretrain.main(["--smoke", "--corpus", str(corpus), "--output", str(output), *options.split()])
    model = convert.from_pretrained(output / "pretrained").model
    assert model.compute_dtype == "float32"
    assert "pack_ids" not in model.input
    with np.load(max(output.glob("states/*.npz"))) as file:
        saved = {name.split("/", 2)[2]: file[name] for name in file.files if name.startswith("model/")}
    for weight in model.weights:
        np.testing.assert_array_equal(weight.numpy(), saved[weight.path])


@pytest.mark.long
def test_it_pretrains_from_records_of_two_lengths(corpus, tmp_path, capsys):
    folders = []
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS]
    for length in (16, 24):
        folders.append(str(tmp_path / str(length)))
        settings = data.RecordSettings(sequence_length=length, chunk_bytes=2000)
        data.prepare_records(str(corpus), folders[-1], text.BertTokenizer(vocabulary), settings)
    output = tmp_path / "out"
    pretrain.main(["--smoke", "--records", *folders, "--output", str(output)])
    assert "[====================]  10/10" in capsys.readouterr().out
    assert convert.from_pretrained(output / "pretrained").tokenizer.vocabulary == vocabulary


def test_a_run_that_has_ended_is_only_written_again(corpus, tmp_path, capsys):
    command = ["--smoke", "--phases", "16:4:4", "--corpus", str(corpus), "--output", str(tmp_path)]
    pretrain.main(command)
    first = (tmp_path / "progress.json").read_text()
    capsys.readouterr()
    pretrain.main(command)
    assert "going on after step 4" in capsys.readouterr().out
    assert (tmp_path / "progress.json").read_text() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--corpus", "nowhere"], "There is no file or folder 'nowhere'"),
        (["--records", "nowhere"], "There is no 'nowhere/metadata.json'"),
        (["--phases", "128"], "--phases must be LENGTH:STEPS or LENGTH:STEPS:BATCH"),
        (["--phases", "16:5,24:0"], "--phases must be"),
        (["--phases", "16:5,24:5:5000"], "less than one batch of 5000"),
        (["--preset", "bert_huge"], "no preset 'bert_huge'"),
        (["--held-out", "0.95"], "11 are to be held out, and at least two must be left"),
        (["--mask-rate", "2"], "`mask_rate` must lie between 0 and 1"),
        (["--warmup-steps", "10"], "warmup_steps=10"),
        (["--steps-per-execution", "4"], "--steps-per-execution must divide"),
        (["--peak-tflops", "-1"], "`peak_flops` must be positive"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_with_a_message_and_nothing_is_written(options, message, corpus, tmp_path, capsys):
    source = [] if {"--corpus", "--records"} & set(options) else ["--corpus", str(corpus)]
    with pytest.raises(SystemExit) as stopped:
        pretrain.main(["--smoke", "--output", str(tmp_path / "out"), *source, *options])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_positions_of_longer_sequences_begin_as_copies_of_the_trained_ones():
    model = models.bert_pretrainer(models.bert_encoder(tiny.config(max_sequence_length=10)))
    weights = model.get_weights()
    table = model.get_layer("embeddings").position_embedding.position_embeddings
    before = table.numpy()
    pretrain.begin_positions(model, trained=0)
    pretrain.begin_positions(model, trained=10)
    np.testing.assert_array_equal(table, before)
    pretrain.begin_positions(model, trained=4)
    np.testing.assert_array_equal(table, before[[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]])
    others = [(old, new) for old, new in zip(weights, model.get_weights(), strict=True) if old.shape != before.shape]
    assert all(np.array_equal(old, new) for old, new in others)


def test_phases_follow_each_other():
    first, second = pretrain_data.phases_of("128:9000,512:1000:16", batch_size=32)
    assert (first.sequence_length, first.batch_size, first.begin, first.end) == (128, 32, 0, 9000)
    assert (second.sequence_length, second.batch_size, second.begin, second.end) == (512, 16, 9000, 10000)


@pytest.mark.long
def test_a_run_killed_by_a_signal_ends_bit_for_bit_like_the_run_left_alone():
    command = [sys.executable, BENCHMARKS / "resume_kills.py", "--kills", "2", "--steps", "200", "--every", "15"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal bit for bit" in done.stdout
    assert "killed 0 times" not in done.stdout
