"""Contract: symbolic shapes tell the truth, lengths may be unknown, and compiled code gives the same numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from registry import CASES, functional

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def assert_equal(actual, expected):
    for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@cases
def test_symbolic_output_has_the_real_shape_and_dtype(case):
    inputs = case.inputs()
    model = functional(case.build(), inputs)
    for symbol, value in zip(keras.tree.flatten(model.output), keras.tree.flatten(model(inputs)), strict=True):
        assert symbol.shape[0] is None
        assert symbol.shape[1:] == tuple(value.shape)[1:]
        assert symbol.dtype == keras.backend.standardize_dtype(value.dtype)


@cases
def test_unknown_lengths_give_equal_outputs(case):
    inputs = case.inputs()
    layer = case.build()
    expected = layer(**inputs)
    model = functional(layer, inputs, lengths=False)
    assert_equal(model(inputs), expected)
    assert_equal(model.predict(inputs, verbose=0), expected)


@pytest.mark.parametrize("case", [c for c in CASES if c.compiles], ids=lambda case: case.name)
def test_xla_gives_equal_outputs(case):
    inputs = {name: tf.constant(value) for name, value in case.inputs().items()}
    layer = case.build()
    expected = layer(**inputs)
    compiled = tf.function(lambda values: layer(**values), jit_compile=True)
    assert_equal(compiled(inputs), expected)


@pytest.mark.parametrize("case", [c for c in CASES if not c.compiles], ids=lambda case: case.name)
def test_a_layer_that_xla_cannot_take_says_so(case):
    inputs = {name: tf.constant(value) for name, value in case.inputs().items()}
    compiled = tf.function(lambda values: case.build()(**values), jit_compile=True)
    with pytest.raises(ValueError, match="a function that XLA compiles"):
        compiled(inputs)


@cases
def test_a_batch_of_none_gives_none(case):
    layer = case.build()
    layer(**case.inputs())
    outputs = layer(**{name: value[:0] for name, value in case.inputs().items()})
    assert all(output.shape[0] == 0 for output in keras.tree.flatten(outputs))
