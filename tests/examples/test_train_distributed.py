"""The program for several workers: it trains, goes on, refuses bad input, and on two workers does what one does."""

import json
import subprocess
import sys
from pathlib import Path

import data_records
import pytest
import train_distributed

from keras_bert_layers import convert

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    documents = data_records.numbered_documents(num_documents=30)
    return data_records.make_records(tmp_path_factory.mktemp("data"), documents, objective="none")


def test_it_pretrains_and_goes_on_and_saves_a_model_that_others_read(records, tmp_path, capsys):
    output = tmp_path / "out"
    command = ["--smoke", "--records", str(records), "--output", str(output), "--held-out", "0.2"]
    assert train_distributed.main([*command, "--accumulate", "2", "--ema", "0.9"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "devices  1 on 1 worker(s): 8 rows a step, 8 on each, in 2 parts" in printed.out
    assert "Done: 12 steps" in printed.out
    assert [row["step"] for row in json.loads((output / "progress.json").read_text())] == [3, 6, 9, 12]
    assert convert.from_pretrained(output / "pretrained").task == "masked_lm"
    assert train_distributed.main([*command, "--accumulate", "2", "--ema", "0.9"]) == 0
    assert "going on after step 12" in capsys.readouterr().out


@pytest.mark.long
def test_two_workers_report_the_losses_of_one_device(records, tmp_path):
    program = [sys.executable, EXAMPLES / "train_distributed.py", "--smoke", "--records", records, "--dropout", "0"]
    program += ["--held-out", "0.2", "--output"]
    launch = [sys.executable, EXAMPLES / "launch_local.py", "--workers", "2", "--"]
    ended = subprocess.run([*launch, *program, tmp_path / "two"], capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "devices  2 on 2 worker(s): 8 rows a step, 4 on each" in ended.stdout
    assert not [line for line in ended.stdout.splitlines() if line and not line.startswith("[0]")]
    assert train_distributed.main([str(word) for word in [*program[2:], tmp_path / "one"]]) == 0
    two, one = (json.loads((tmp_path / name / "progress.json").read_text()) for name in ("two", "one"))
    assert [row["step"] for row in two] == [row["step"] for row in one]
    for mine, theirs in zip(two, one, strict=True):
        for name in {"loss", "accuracy", "val_loss", "val_accuracy"} & set(theirs):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-5), (theirs["step"], name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--records", "nowhere"], "There is no 'nowhere/metadata.json'"),
        (["--batch-size", "0"], "A batch of 0 rows leaves some of 1 replicas without work"),
        (["--batch-size", "5000"], "less than one batch of 5000"),
        (["--accumulate", "0"], "`gradient_accumulation` must be a whole number from 1 on"),
        (["--mask-rate", "2"], "`mask_rate` must lie between 0 and 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_refused_with_a_message_and_nothing_is_written(options, message, records, tmp_path, capsys):
    command = ["--smoke", "--records", str(records), "--output", str(tmp_path / "out"), *options]
    with pytest.raises(SystemExit) as stopped:
        train_distributed.main(command)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_records_of_pairs_are_refused(tmp_path, capsys):
    pairs = data_records.make_records(tmp_path, data_records.numbered_documents(num_documents=30))
    with pytest.raises(SystemExit):
        train_distributed.main(["--smoke", "--records", str(pairs), "--output", str(tmp_path / "out")])
    assert "are pairs of sentences (next_sentence)" in capsys.readouterr().err


@pytest.mark.long
def test_two_workers_of_which_one_is_killed_end_bit_for_bit_like_those_left_alone():
    command = [sys.executable, EXAMPLES / "benchmarks" / "resume_kills_distributed.py"]
    ended = subprocess.run(
        [*command, "--kills", "1", "--steps", "250", "--every", "15"], capture_output=True, text=True, timeout=500
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "started 2 times, killed 1 times, 0 times the other worker had to be ended" in ended.stdout
    assert "equal bit for bit" in ended.stdout
