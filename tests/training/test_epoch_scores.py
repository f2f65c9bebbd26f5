"""Scores of a function among the logs, for the callbacks behind it."""

import keras
import numpy as np

from keras_bert_layers.training import EpochScores


def test_other_callbacks_and_the_history_see_the_scores():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    values = iter([0.1, 0.9, 0.5, 0.4, 0.3])
    seen = []
    stop = keras.callbacks.EarlyStopping("val_f1", mode="max", patience=2, restore_best_weights=True)
    after = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_f1"]))
    kept = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    history = model.fit(
        np.ones((4, 1)),
        np.ones((4, 1)),
        epochs=5,
        verbose=0,
        callbacks=[EpochScores(lambda: {"f1": next(values)}), keep, stop, after],
    )
    assert history.history["val_f1"] == [0.1, 0.9, 0.5, 0.4] == seen
    assert np.array_equal(model.get_weights()[0], kept[1][0])
