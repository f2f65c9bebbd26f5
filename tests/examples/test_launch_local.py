"""Several workers on one machine: their environment, their output, and how they end together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import launch_local
import pytest

SCRIPT = launch_local.__file__
TELL = (
    "import os; print(os.environ.get('TF_CONFIG'), os.environ['KBL_LOGICAL_CPUS'], os.environ['CUDA_VISIBLE_DEVICES'])"
)
INDEX = "import json, os, sys, time; index = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"


def launch(*options, code):
    return subprocess.run(
        [sys.executable, SCRIPT, *options, "--", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "TF_CONFIG": "that of the caller"},
    )


def test_every_worker_gets_its_index_the_addresses_of_all_and_its_devices():
    said = launch("--workers", "3", "--devices", "2", code=TELL).stdout.splitlines()
    assert sorted(line[:4] for line in said) == ["[0] ", "[1] ", "[2] "]
    clusters = set()
    for line in said:
        text, cpus, *gpus = line[4:].rsplit(" ", 2)
        config = json.loads(text)
        assert config["task"] == {"type": "worker", "index": int(line[1])}
        assert (cpus, gpus) == ("2", [""])
        clusters.add(tuple(config["cluster"]["worker"]))
    (addresses,) = clusters
    assert len(set(addresses)) == 3


def test_one_worker_has_no_cluster():
    assert launch("--workers", "1", code=TELL).stdout == "None 1 \n"


def test_every_worker_gets_gpus_of_its_own():
    said = launch("--gpus", "2", code=TELL).stdout.splitlines()
    assert sorted(line.rsplit(" ", 1)[1] for line in said) == ["0,1", "2,3"]


def test_with_logs_the_chief_is_shown_and_the_others_write_files(tmp_path):
    ended = launch("--workers", "3", "--logs", str(tmp_path / "logs"), code=INDEX + "print('worker', index)")
    assert ended.stdout == "worker 0\n"
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert logs == {"worker-1.log": "worker 1\n", "worker-2.log": "worker 2\n"}


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("sys.exit(3)", 3, "worker 1 ended with status 3; the others end"),
        ("os.kill(os.getpid(), 9)", 137, "worker 1 was ended by SIGKILL; the others end"),
    ],
)
def test_when_one_fails_the_others_are_ended_and_its_status_is_returned(how, status, message):
    begin = time.monotonic()
    ended = launch("--grace", "0.2", code=INDEX + f"{how} if index else time.sleep(100)")
    assert time.monotonic() - begin < 20
    assert ended.stderr.strip() == message
    assert ended.returncode == max(status, 128 + signal.SIGTERM)


def test_those_that_end_by_themselves_in_time_give_their_own_status():
    ended = launch("--grace", "20", code=INDEX + "sys.exit(3) if index else (time.sleep(0.5), sys.exit(1))")
    assert ended.returncode == 3


@pytest.mark.parametrize("message", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(message, tmp_path):
    code = INDEX + (
        "import signal\n"
        f"signal.signal({int(message)}, lambda *_: (open(rf'{tmp_path}/{{index}}', 'w').close(), sys.exit(7)))\n"
        "print('ready')\ntime.sleep(100)"
    )
    process = subprocess.Popen(
        [sys.executable, SCRIPT, "--", sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    assert sorted(process.stdout.readline() for _ in range(2)) == ["[0] ready\n", "[1] ready\n"]
    process.send_signal(message)
    process.communicate(timeout=30)
    assert process.returncode == 7
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["0", "1"]


def test_a_program_that_does_not_exist_gives_status_2_and_one_line():
    ended = subprocess.run(
        [sys.executable, SCRIPT, "--", "no-such-program"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (2, "no-such-program could not be started: No such file or directory\n")


@pytest.mark.parametrize("command", [[], ["--workers", "0", "--", "true"]])
def test_arguments_that_start_nothing_are_refused(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        launch_local.main(command)
    assert "error:" in capsys.readouterr().err
