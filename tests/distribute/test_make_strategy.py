"""The strategy from the environment, the check-in in front of TensorFlow's, and the death of a worker during `fit`."""

import os
import shutil
import signal
import time
from pathlib import Path

import distributed_runs
import pytest
import tensorflow as tf

from keras_bert_layers import distribute
from keras_bert_layers.distribute.facts import facts, fingerprint
from keras_bert_layers.distribute.logical_cpus import wanted_logical_cpus

PACKAGE = Path(distribute.__file__).parents[1]


def test_without_a_cluster_it_is_the_default_strategy(monkeypatch):
    monkeypatch.delenv("KBL_LOGICAL_CPUS", raising=False)
    assert distribute.make_strategy(32, {"seed": 0}) is tf.distribute.get_strategy()


def test_several_logical_cpus_are_mirrored(monkeypatch):
    monkeypatch.setenv("KBL_LOGICAL_CPUS", "2")
    strategy = distribute.make_strategy()
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2


def test_logical_cpus_after_the_first_operation_are_refused(monkeypatch):
    tf.zeros(())
    monkeypatch.setenv("KBL_LOGICAL_CPUS", "3")
    with pytest.raises(RuntimeError, match="KBL_LOGICAL_CPUS=3 takes effect only before"):
        distribute.make_strategy()


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_logical_cpus_is_refused(number):
    with pytest.raises(ValueError, match="KBL_LOGICAL_CPUS must be a positive number"):
        wanted_logical_cpus({"KBL_LOGICAL_CPUS": number})


def test_settings_that_json_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="`settings` must hold what JSON can"):
        facts(distribute.Worker(), "1 CPU", 32, {"loss": object()})


def test_one_changed_character_changes_the_fingerprint_of_code(tmp_path):
    shutil.copytree(PACKAGE / "ops", tmp_path / "ops")
    assert fingerprint(tmp_path / "ops") == fingerprint(PACKAGE / "ops")
    (tmp_path / "other").mkdir()
    changed = shutil.copytree(PACKAGE / "ops", tmp_path / "other" / "ops")
    (changed / "attention.py").write_text((changed / "attention.py").read_text() + "#")
    assert fingerprint(changed) != fingerprint(PACKAGE / "ops")


@pytest.mark.long
def test_two_workers_of_two_logical_cpus_reduce_over_four_replicas():
    cpus = {"KBL_LOGICAL_CPUS": "2"}
    ended = distributed_runs.run_to_end(
        "cluster_trials:all_reduce", workers=2, replicas=2, environment=lambda worker: cpus
    )
    expected = [{"index": index, "replicas": 4, "sums": [8.0, 8.0]} for index in range(2)]
    assert [worker.result for worker in ended] == expected


@pytest.mark.long
def test_another_batch_and_other_code_end_both_processes_with_one_message(tmp_path):
    """The second worker has a copy of the library with one more comment, and a batch of 64."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name)
    with open(tmp_path / PACKAGE.name / "version.py", "a") as file:
        file.write("# changed\n")
    path = os.pathsep.join(map(str, (tmp_path, distributed_runs.TESTS, distributed_runs.EXAMPLES)))
    ended = distributed_runs.run_to_end(
        "cluster_trials:all_reduce",
        workers=2,
        environment=lambda worker: {"PYTHONPATH": path, "TRIAL_BATCH": "64"} if worker == 1 else {},
    )
    said = [worker.output.split("ClusterError: ")[1].strip().splitlines() for worker in ended]
    assert [worker.status for worker in ended] == [1, 1]
    assert said[0] == said[1]
    assert "worker 1 (localhost:" in said[0][0]
    assert "has the code of keras_bert_layers" in said[0][0]
    assert "has the global batch size 64, worker 0" in said[0][1]


def end_of_training(workers, victim, how, environment=lambda worker: {}):
    """How the others ended, and the most seconds that one of them took from the signal to its end."""
    seconds = []

    def when_all_train(processes):
        outputs = [Path(process.args[3].replace("result-", "output-")) for process in processes]
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not all("training" in output.read_text() for output in outputs):
            time.sleep(0.2)
        if how is not None:
            processes[victim].send_signal(how)
        begin = time.monotonic()
        for index, process in enumerate(processes):
            if index != victim:
                process.wait(90)
        seconds.append(time.monotonic() - begin)
        processes[victim].kill()

    ended = distributed_runs.run_to_end(
        "cluster_trials:fit_until_lost", workers, timeout=200, environment=environment, meanwhile=when_all_train
    )
    return [worker for index, worker in enumerate(ended) if index != victim], seconds[0]


@pytest.mark.long
def test_all_others_end_and_name_the_worker_that_was_killed():
    others, seconds = end_of_training(workers=3, victim=1, how=signal.SIGKILL)
    assert [worker.status for worker in others] == [1, 1]
    assert seconds < 20
    for worker in others:
        last = worker.output.strip().splitlines()[-1]
        assert "WorkerLost: worker 1 (localhost:" in last
        assert "Start the same command again on all workers" in last


@pytest.mark.long
@pytest.mark.parametrize("victim", [0, 1])
def test_a_frozen_worker_is_named(victim):
    (other,), seconds = end_of_training(workers=2, victim=victim, how=signal.SIGSTOP)
    assert other.status == 1
    assert seconds < 60  # twice the default `silence`
    assert f"WorkerLost: worker {victim} (localhost:" in other.output.strip().splitlines()[-1]


@pytest.mark.long
def test_the_error_of_one_worker_is_told_by_the_other():
    (other,), seconds = end_of_training(
        workers=2, victim=1, how=None, environment=lambda worker: {"TRIAL_FAILS_AT": "40"} if worker == 1 else {}
    )
    assert other.status == 1
    assert seconds < 20
    assert "failed: OSError: no space left on device. Start the same" in other.output.strip().splitlines()[-1]
