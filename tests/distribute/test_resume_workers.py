"""Runs of several workers and replicas that are killed and started again end like those left alone."""

import distributed_runs
import keras
import numpy as np
import pytest
import tensorflow as tf
import training_runs
from training_runs import END, EPOCH, KillAt, Killed

from keras_bert_layers import distribute
from keras_bert_layers.training import EpochScores, Resume, TrainingProgress, training_state


def killing_both_when_one_is_gone(processes):
    processes[1].wait()
    processes[0].kill()


@pytest.mark.long
def test_two_workers_of_which_one_is_killed_end_like_those_left_alone(tmp_path):
    arguments = {"workers": 2, "timeout": 240}
    alone = distributed_runs.run("resume_workers:train", directory=str(tmp_path / "alone"), **arguments)
    ended = distributed_runs.run_to_end(
        "resume_workers:train",
        directory=str(tmp_path / "killed"),
        kill=8,
        meanwhile=killing_both_when_one_is_gone,
        **arguments,
    )
    assert ended[1].status == -9, ended[1].output
    left = sorted(path.name for path in (tmp_path / "killed" / "states").glob("step-*"))
    assert left
    assert left[-1] < "step-000000014.npz"
    again = distributed_runs.run("resume_workers:train", directory=str(tmp_path / "killed"), **arguments)
    for worker in (0, 1):
        training_runs.assert_equal(again[worker]["state"], alone[0]["state"])
        assert again[worker]["history"] == alone[0]["history"]
        assert again[worker]["reports"] == alone[0]["reports"]
    assert alone[0]["files"] == ["exported", "last.keras", "log.csv", "scalars"]
    assert alone[1]["files"] == []


@pytest.mark.long
def test_all_workers_go_on_from_the_state_that_the_first_one_chose_or_none_does(tmp_path):
    chief, other = distributed_runs.run("resume_workers:agree", workers=2, directory=str(tmp_path))
    for name, step in {"nobody has one": None, "only another worker has one": None, "all have it": 4}.items():
        assert chief[name] == other[name] == step, name
    assert "Worker 1 cannot go on from the state" in chief["only the chief has it"]
    assert "step-000000004.npz, which cannot be read here after 0.5 seconds" in other["only the chief has it"]
    assert "Worker 1 cannot go on" in chief["one has other settings"]
    assert "seed was 1 and is 2" in other["one has other settings"]
    assert "No saved state" in chief["the chief cannot read it"]
    assert "Worker 0 cannot go on" in other["the chief cannot read it"]


def made_under(strategy):
    with strategy.scope():
        return distribute.prepare(training_runs.model())


def fit(directory, strategy, kill=None, **arguments):
    made, resume = made_under(strategy), Resume(directory, every=1)
    killing = [] if kill is None else [KillAt(kill)]
    try:
        history = resume.fit(
            made,
            lambda step: distribute.batches(training_runs.batches(step), strategy),
            **{"until": END, "steps_per_epoch": EPOCH, "callbacks": killing, "verbose": 0, **arguments},
        )
    except Killed:
        resume.on_train_end()
        return None
    return made, history.history


def test_a_prepared_run_on_two_replicas_ends_like_the_one_left_alone(mirrored, tmp_path):
    fit(tmp_path / "killed", mirrored, kill=8)
    killed, history = fit(tmp_path / "killed", mirrored)
    alone, history_alone = fit(tmp_path / "alone", mirrored)
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))
    assert history == history_alone


def without_dropout(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    made = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(8, "tanh")(inputs)))
    made.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return made


@pytest.mark.parametrize("to_two", [True, False], ids=["from 1 to 2 replicas", "from 2 to 1"])
def test_a_run_goes_on_with_another_number_of_replicas(to_two, mirrored, tmp_path, monkeypatch):
    monkeypatch.setattr(training_runs, "model", without_dropout)
    one = tf.distribute.get_strategy()
    first, second = (one, mirrored) if to_two else (mirrored, one)
    fit(tmp_path / "killed", first, kill=8)  # within an epoch, so that metrics go over too
    killed, history = fit(tmp_path / "killed", second)
    alone, history_alone = fit(tmp_path / "alone", one)
    for mine, theirs in zip(killed.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
    for name, values in history_alone.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4)


@pytest.mark.parametrize(
    ("aggregation", "values", "count", "expected"),
    [
        ("sum", [1.0, 2.0, 4.0], 2, [7.0, 0.0]),
        ("sum", [3.0], 2, [3.0, 0.0]),
        ("sum", [1.0, 2.0], 2, [1.0, 2.0]),
        ("mean", [1.0, 2.0], 3, [1.5, 1.5, 1.5]),
        ("none", [1.0, 2.0], 1, [1.0]),
    ],
)
def test_what_is_read_of_all_replicas_is_the_same_on_another_number(aggregation, values, count, expected):
    values = [np.array([value], "float32") for value in values]
    found = training_state._on_replicas(values, count, aggregation)
    assert [value.item() for value in found] == expected
    assert {value.dtype.name for value in found} == {"float32"}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (keras.callbacks.EarlyStopping, "EarlyStopping has to run on every worker: it decides when to stop"),
        (keras.callbacks.ReduceLROnPlateau, "it sets the learning rate"),
        (lambda: keras.callbacks.BackupAndRestore("backup"), r"use kbl\.training\.Resume"),
        (lambda: Resume("states"), "Resume has to run on every worker: it does by itself what only the chief may"),
        (lambda: TrainingProgress(1), "TrainingProgress has to run"),
        (lambda: EpochScores(dict), "EpochScores has to run"),
    ],
)
def test_callbacks_that_every_worker_needs_are_not_kept_for_the_chief(make, reason):
    with pytest.raises(ValueError, match=reason):
        distribute.on_chief([make()], tf.distribute.get_strategy())


def test_only_the_chief_gets_the_callbacks_it_is_given(monkeypatch):
    strategy, log = tf.distribute.get_strategy(), keras.callbacks.CSVLogger("log.csv")
    assert distribute.on_chief([log, log], strategy) == [log, log]
    monkeypatch.setattr(type(strategy.extended), "should_checkpoint", property(lambda self: False))
    assert not distribute.is_chief(strategy)
    assert [type(callback) for callback in distribute.on_chief([log], strategy)] == [keras.callbacks.Callback]
    assert type(distribute.on_chief(log, strategy)) is keras.callbacks.Callback
