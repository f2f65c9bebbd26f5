"""Contract: a layer survives `.keras` saving and SavedModel export with equal outputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from registry import CASES, functional

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def randomized(layer, inputs):
    """The layer with every weight away from its initial value, so that an unrestored one shows."""
    layer(**inputs)
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in layer.get_weights()])
    return layer


def assert_equal(actual, expected):
    for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@cases
def test_keras_file_gives_equal_outputs(case, tmp_path):
    inputs = case.inputs()
    model = functional(randomized(case.build(), inputs), inputs)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(again(inputs), model(inputs))


@cases
def test_weights_file_restores_a_fresh_model(case, tmp_path):
    inputs = case.inputs()
    model = functional(randomized(case.build(), inputs), inputs)
    model.save_weights(tmp_path / "model.weights.h5")
    again = functional(case.build(), inputs)
    again.load_weights(tmp_path / "model.weights.h5")
    assert_equal(again(inputs), model(inputs))


@cases
def test_saved_model_gives_equal_outputs(case, tmp_path):
    inputs = case.inputs()
    model = functional(randomized(case.build(), inputs), inputs, lengths=False)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    assert_equal(loaded.serve(inputs), model(inputs))
