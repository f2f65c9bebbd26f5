"""GELU under a tape: the values of Keras, and the slopes of differences in float64."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops

X = np.concatenate([np.linspace(-12, 12, 97), [0.0, -0.0, 1e-6, 40.0, -40.0]]).astype("float32")
FORMS = {
    "exact": (keras.activations.gelu, lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    "tanh": (
        ops.gelu_tanh,
        lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    ),
}
forms = pytest.mark.parametrize(("activation", "paper"), FORMS.values(), ids=FORMS.keys())


@forms
def test_values_and_slopes_are_those_of_the_equation(activation, paper):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = ops.activate(activation, x)
    steps = 1e-5
    slopes = [(paper(float(value) + steps) - paper(float(value) - steps)) / (2 * steps) for value in X]
    np.testing.assert_allclose(outputs, [paper(float(value)) for value in X], rtol=1e-5, atol=2e-6)
    np.testing.assert_allclose(tape.gradient(outputs, x), slopes, rtol=0, atol=2e-5)


@forms
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_finite_and_near(activation, paper, dtype):
    x = tf.cast(X, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = ops.activate(activation, x)
    slopes = tape.gradient(outputs, x)
    assert outputs.dtype == slopes.dtype == dtype
    np.testing.assert_allclose(tf.cast(outputs, "float32"), [paper(float(value)) for value in x], rtol=0.02, atol=0.02)
    assert np.isfinite(tf.cast(slopes, "float32")).all()


def test_an_activation_without_a_short_form_is_called_as_it_is():
    with tf.GradientTape():
        np.testing.assert_array_equal(ops.activate(keras.activations.relu, X), np.maximum(X, 0))
