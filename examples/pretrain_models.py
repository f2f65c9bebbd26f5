"""Models on the way: a pretraining run saved now and then in the form that others read."""

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from keras_bert_layers import training


class SavedModels(keras.callbacks.Callback):
    """Writes the model as `step-…` at evaluations.

    Args:
        folder: of the models.
        every: steps from one to the next, a multiple of the steps between evaluations; 0 for none at all.
        progress: counts the steps; called before this one.
        write: writes the model to a path.
    """

    def __init__(
        self,
        folder: Path,
        every: int,
        progress: training.TrainingProgress,
        write: Callable[[Path], object],
    ):
        super().__init__()
        self.folder, self.every, self.progress, self.write = folder, every, progress, write

    def on_epoch_end(self, epoch, logs=None):
        self.save(self.progress.step)

    def save(self, step: int) -> None:
        """Writes the model, if one is due after so many steps."""
        if self.every and step % self.every == 0:
            self.write(self.folder / f"step-{step:08}")


@contextlib.contextmanager
def unnoticed(policy: str) -> Iterator[None]:
    """Layers made inside are of this dtype policy, and the run draws the random numbers that it would have drawn."""
    before = keras.config.dtype_policy()
    states = random.getstate(), np.random.get_state()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        random.setstate(states[0])
        np.random.set_state(states[1])
