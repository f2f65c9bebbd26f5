"""Contract: gradients reach every weight, dropout is there in training only, and two replicas equal one device."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from registry import BATCH, CASES, floats, functional

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
weighted = pytest.mark.parametrize("case", [c for c in CASES if c.trains], ids=lambda case: case.name)


def loss_of(outputs):
    """A loss in which every output value matters differently."""
    total = 0.0
    for output in keras.tree.flatten(outputs):
        wave = tf.reshape(tf.sin(tf.range(tf.size(output), dtype=tf.float32)), tf.shape(output))
        total += tf.reduce_mean(tf.square(output - wave))
    return total


@weighted
def test_gradients_reach_every_trainable_weight(case):
    layer, inputs = case.build(), case.inputs()
    layer(**inputs)
    rng = np.random.default_rng(3)
    layer.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in layer.get_weights()])
    with tf.GradientTape() as tape:
        loss = loss_of(layer(**inputs))
    gradients = tape.gradient(loss, layer.trainable_weights)
    silent = [
        weight.path
        for weight, gradient in zip(layer.trainable_weights, gradients, strict=True)
        # The key bias moves all scores of a query alike, and a softmax does not see that.
        if gradient is None
        or (not np.abs(tf.convert_to_tensor(gradient)).max() > 1e-9 and "key/bias" not in weight.path)
    ]
    assert silent == []


@cases
def test_dropout_acts_in_training_only(case):
    layer, inputs = case.build(), case.inputs()
    first, second = (keras.tree.flatten(layer(**inputs, **training(layer, False)))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    if '"dropout": 0.1' in json.dumps(layer.get_config()):
        trained = keras.tree.flatten(layer(**inputs, **training(layer, True)))[0]
        assert np.abs(trained - first).max() > 1e-5


def training(layer, value):
    return {"training": value} if layer._call_has_training_arg else {}


@weighted
def test_two_replicas_train_like_one_device(case, mirrored):
    inputs = {name: np.concatenate([value, value[::-1]]) for name, value in case.inputs().items()}

    def trained(strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            layer = case.build()
            model = functional(type(layer).from_config(without_dropout(layer.get_config())), inputs)
            model.compile(keras.optimizers.SGD(0.1), loss=keras.tree.map_structure(lambda _: "mse", model.output))
        before = model.get_weights()
        targets = keras.tree.map_structure(lambda x: floats(2 * BATCH, *x.shape[1:]), model.output)
        model.fit(inputs, targets, batch_size=2 * BATCH, epochs=2, shuffle=False, verbose=0)
        moved = [np.abs(new - old).max() for new, old in zip(model.get_weights(), before, strict=True)]
        assert max(moved) > 1e-3
        return model.get_weights()

    one = trained(tf.distribute.get_strategy())
    two = trained(mirrored)
    for expected, actual in zip(one, two, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def without_dropout(config):
    """The config with every dropout rate in it, also that of a part, set to zero."""
    if isinstance(config, list):
        return [without_dropout(value) for value in config]
    if not isinstance(config, dict):
        return config
    rates = ("dropout", "attention_dropout")
    return {name: 0.0 if name in rates else without_dropout(value) for name, value in config.items()}
