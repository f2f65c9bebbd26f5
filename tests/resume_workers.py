"""A small run of several workers, one of which may be killed: what each worker does."""

import csv
import functools
import os
import signal
from pathlib import Path

import distributed_runs
import keras
import numpy as np
import tensorflow as tf
import training_runs

from keras_bert_layers import distribute, training
from keras_bert_layers.training import agreed_state, state_files

END, EPOCH, ROWS = 14, 5, 12


class KillProcess(keras.callbacks.Callback):
    """SIGKILL to this process before the batch of that step, counted from where it began."""

    def __init__(self, step):
        super().__init__()
        self.steps_left = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.steps_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps_left -= 1


def dataset(strategy, step):
    """Batches that depend on the step alone, shared out among all replicas."""
    return distribute.batches(training_runs.batches(step, ROWS), strategy)


def model(strategy):
    with strategy.scope():
        return distribute.prepare(training_runs.model())


def train(directory, kill=None):
    """Trains to the end, or until worker 1 is killed; what this worker has then, and the files that callbacks wrote."""
    tf.config.experimental.enable_op_determinism()
    strategy, folder = distributed_runs.strategy(), Path(directory)
    made, number = model(strategy), 0 if distribute.is_chief(strategy) else 1
    files = folder / f"files-{number}"
    files.mkdir(parents=True, exist_ok=True)
    progress = training.TrainingProgress(END, every=3, tensorboard=files / "scalars", show=False)
    resume = training.Resume(folder / "states", every=2)
    history = resume.fit(
        made,
        functools.partial(dataset, strategy),
        until=END,
        steps_per_epoch=EPOCH,
        validation_data=distribute.batches(training_runs.batches(100, ROWS).take(2), strategy),
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=9),
            *distribute.on_chief(
                [keras.callbacks.CSVLogger(files / "log.csv"), keras.callbacks.ModelCheckpoint(files / "last.keras")],
                strategy,
            ),
            progress,
            *([KillProcess(kill)] if kill is not None and number == 1 else []),
        ],
        verbose=0,
    )
    if distribute.is_chief(strategy):
        made.export(str(files / "exported"), verbose=False)
        with open(files / "log.csv") as log:
            assert len(list(csv.DictReader(log))) <= len(history.epoch)
    return {
        "state": [np.asarray(v) for v in training_runs.state(made)],
        "history": history.history,
        "reports": [row["step"] for row in progress.rows],
        "files": sorted(path.name for path in files.iterdir()),
    }


def agree(directory, late=0.5):
    """What workers make of directories that differ: that each sees nothing of the other's, or sees it later."""
    strategy = distributed_runs.strategy()
    chief, folder = distribute.is_chief(strategy), Path(directory)
    arrays, facts = {"a": np.zeros(2)}, {**training.saved_run.about({"seed": 1}), "step": 4}
    found = {}

    def attempt(name, own, settings=None):
        try:
            state = agreed_state.agreed_state(strategy, own, settings)
            found[name] = None if state is None else state.facts["step"]
        except ValueError as error:
            found[name] = str(error)

    agreed_state.PATIENCE = 0.5
    own = folder / ("chief" if chief else "other")
    attempt("nobody has one", own)
    if not chief:
        state_files.write(state_files.path_of(own, 6), arrays, {**facts, "step": 6})
    attempt("only another worker has one", own)
    if chief:
        state_files.write(state_files.path_of(own, 4), arrays, facts)
    attempt("only the chief has it", own)
    attempt("all have it", folder / "chief")
    attempt("one has other settings", folder / "chief", {"seed": 1 if chief else 2})
    if chief:
        state_files.path_of(own, 4).write_bytes(b"damaged")
    attempt("the chief cannot read it", own)
    return found
