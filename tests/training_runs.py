"""A small training run that can be killed at any step: a model with dropout, and data that depend on the step alone."""

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers import training

END, EPOCH = 14, 5


class Killed(Exception):
    """In place of a signal: nothing of Keras runs after it."""


class KillAt(keras.callbacks.Callback):
    """Kills the run before the batch of that step, counted from where this process began."""

    def __init__(self, step):
        super().__init__()
        self.steps_left = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.steps_left == 0:
            raise Killed
        self.steps_left -= 1


def model(seed=0, optimizer=None, **compiling):
    """As a program makes it that sets the seed at its beginning."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, "tanh")(inputs))
    made = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    optimizer = optimizer or training.adamw(0.05, total_steps=END, warmup_steps=3)
    made.compile(optimizer, **{"loss": "mse", "metrics": ["mae"], **compiling})
    return made


def batches(step=0, size=4):
    """The data set from a step on."""

    def batch(number):
        x = tf.random.stateless_normal((size, 4), [7, number])
        return x, tf.reduce_sum(x, axis=1, keepdims=True)

    options = tf.data.Options()
    options.autotune.enabled = False  # the end of a `fit` would wait for the tuner
    return tf.data.Dataset.range(step, 2**40).map(batch).with_options(options)


def state(made):
    """All numbers that a model, its optimizer and its random generators hold."""
    return [v.numpy() for v in [*made.variables, *made.optimizer.variables]]


def assert_equal(one, other):
    """Bit for bit."""
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)
