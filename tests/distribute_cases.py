"""Training runs whose numbers must not depend on the devices: what each case trains, and on what."""

import distributed_runs
import keras
import numpy as np
import tensorflow as tf
from tiny import config

from keras_bert_layers import distribute, models, training

STEPS, ROWS, LENGTH, PREDICTIONS = 50, 8, 8, 4


def features(rows=STEPS * ROWS, seed=0):
    """Texts of very different numbers of predictions: many in the first half of a batch, few or none in the second."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(5, 15, (rows, LENGTH)).astype("int32")
    segment_ids = (np.arange(LENGTH) >= rng.integers(2, LENGTH, (rows, 1))).astype("int32")
    padding_mask = (np.arange(LENGTH) < rng.integers(4, LENGTH + 1, (rows, 1))).astype("int32")
    half = np.arange(rows) % ROWS < ROWS // 2
    count = np.where(half, rng.integers(2, PREDICTIONS + 1, rows), rng.integers(0, 2, rows))[:, None]
    places = np.arange(PREDICTIONS)
    mask_positions = np.where(places < count, rng.permuted(np.tile(places, (rows, 1)), axis=1), -1).astype("int32")
    labels = np.where(places < count, rng.integers(5, 15, (rows, PREDICTIONS)), -1).astype("int32")
    x = {
        "token_ids": token_ids,
        "segment_ids": segment_ids,
        "padding_mask": padding_mask,
        "mask_positions": mask_positions,
    }
    y = {"masked_lm": labels, "next_sentence": rng.integers(0, 2, rows).astype("int32")}
    return x, y


def dataset(rows=STEPS * ROWS, batch=ROWS):
    return tf.data.Dataset.from_tensor_slices(features(rows)).batch(batch)


def pretrainer(dropout=0.0, policy="float32", seed=0):
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    made = models.bert_pretrainer(models.bert_encoder(config(dropout=dropout, attention_dropout=dropout)))
    keras.config.set_dtype_policy("float32")
    return made


class EachStep(keras.callbacks.Callback):
    """The logs of each step by itself, where Keras shows means since the beginning of the epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def compiled(strategy, optimizer=None, compiling=None, preparing=None, **model):
    """A prepared pretrainer."""
    with strategy.scope():
        made = pretrainer(**model)
        made.compile(
            (optimizer or (lambda: training.adamw(0.01, 2 * STEPS, 5, global_clipnorm=0.5)))(),
            loss={"masked_lm": training.MaskedLMLoss(), "next_sentence": training.NextSentenceLoss()},
            loss_weights={"masked_lm": 1.0, "next_sentence": 0.5},
            weighted_metrics={"masked_lm": training.MaskedLMAccuracy(), "next_sentence": "accuracy"},
            **(compiling or {}),
        )
    return distribute.prepare(made, **(preparing or {}))


def fitted(strategy, rows=STEPS * ROWS, batch=ROWS, **case):
    """What training shows and leaves behind."""
    made = compiled(strategy, **case)
    steps = EachStep()
    made.fit(dataset(rows, batch), callbacks=[steps], shuffle=False, verbose=0)
    logs = {name: np.array([each[name] for each in steps.logs]) for name in steps.logs[0]}
    return {"logs": logs, "weights": made.get_weights()}


def plain():
    return fitted(distributed_runs.strategy())
