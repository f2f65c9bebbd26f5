"""Scores that `evaluate` cannot compute, such as the F1 of entities, among the logs of each epoch."""

from collections.abc import Callable, Mapping

import keras


class EpochScores(keras.callbacks.Callback):
    """Calls a function at the end of every epoch and puts what it returns into the logs, as `val_<name>`.

    Callbacks after it in the list see the scores: `EarlyStopping(monitor="val_f1")`, `ModelCheckpoint`,
    `TrainingProgress`, `Resume`; so does the `History` of `fit`.

    Args:
        evaluate: () -> dict of floats by name. It predicts with the model as it is at that moment.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> scores = EpochScores(lambda: {"largest_weight": float(model.layers[0].kernel[0, 0])})
        >>> history = model.fit(np.zeros((1, 1)), np.zeros((1, 1)), epochs=2, verbose=0, callbacks=[scores])
        >>> sorted(history.history)
        ['loss', 'val_largest_weight']
    """

    def __init__(self, evaluate: Callable[[], Mapping[str, float]]):
        super().__init__()
        self.runs_on_every_worker = True  # predictions are made by all together
        self.evaluate = evaluate

    def on_epoch_end(self, epoch, logs=None):
        logs.update({f"val_{name}": float(value) for name, value in self.evaluate().items()})
