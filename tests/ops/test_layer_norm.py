"""Layer normalization against Keras' own, with its gradients, and where a one-pass variance breaks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops
from keras_bert_layers.ops.tracing import here_only

rng = np.random.default_rng(0)
X = rng.normal(size=(4, 3, 8)).astype("float32")
GAMMA, BETA = rng.normal(size=(2, 8)).astype("float32")
WAVE = rng.normal(size=X.shape).astype("float32")


def keras_layer_norm(x, gamma, beta):
    layer = keras.layers.LayerNormalization(epsilon=1e-12)
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    return layer


def test_values_and_gradients_are_those_of_keras():
    x, gamma, beta = (tf.Variable(value) for value in (X, GAMMA, BETA))
    theirs = keras_layer_norm(X, GAMMA, BETA)
    with tf.GradientTape(persistent=True) as tape:
        actual, expected = ops.layer_norm(x, gamma, beta, 1e-12), theirs(x)
        ours_loss, their_loss = tf.reduce_sum(actual * WAVE), tf.reduce_sum(expected * WAVE)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
    expected_gradients = tape.gradient(their_loss, [x, theirs.gamma.value, theirs.beta.value])
    for mine, other in zip(tape.gradient(ours_loss, [x, gamma, beta]), expected_gradients, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)


def test_a_large_mean_does_not_drown_the_variance():
    """E[x²] - E[x]² in float32 would give a variance of zero here, or less."""
    offset = X + 8192.0
    exact = offset.astype("float64")
    expected = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    np.testing.assert_allclose(ops.layer_norm(offset, np.ones(8), np.zeros(8), 1e-12), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_normalized_in_float32(dtype):
    x = keras.ops.cast(X, dtype)
    outputs = ops.layer_norm(x, GAMMA, BETA, 1e-12)
    assert outputs.dtype == dtype
    expected = keras.ops.cast(ops.layer_norm(keras.ops.cast(x, "float32"), GAMMA, BETA, 1e-12), dtype)
    np.testing.assert_array_equal(keras.ops.cast(outputs, "float32"), keras.ops.cast(expected, "float32"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_a_graph_that_stays_here_gives_the_same(dtype):
    x = keras.ops.cast(X, dtype)

    @tf.function(input_signature=[tf.TensorSpec((None, 3, 8), dtype)])
    def here(x):
        with here_only():
            return ops.layer_norm(x, GAMMA, BETA, 1e-12)

    outputs, expected = here(x), ops.layer_norm(x, GAMMA, BETA, 1e-12)
    assert outputs.dtype == dtype
    tolerance = {"bfloat16": 0.05, "float16": 5e-3}.get(dtype, 2e-6)
    np.testing.assert_allclose(*(keras.ops.cast(y, "float32") for y in (outputs, expected)), rtol=0, atol=tolerance)


def test_a_constant_vector_becomes_beta():
    np.testing.assert_array_equal(ops.layer_norm(np.full((2, 8), 7.0, "float32"), GAMMA, BETA, 1e-12), [BETA, BETA])


def test_without_an_offset_it_is_centred_on_zero():
    np.testing.assert_array_equal(ops.layer_norm(X, GAMMA), ops.layer_norm(X, GAMMA, np.zeros(8, "float32"), 1e-12))
