"""The gated feed-forward part against its equation, and where its dropout stands."""

import keras
import numpy as np
import numpy_bert as paper
import pytest
from parity_weights import randomized

from keras_bert_layers import layers

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
ACTIVATIONS = {
    "gelu": paper.gelu,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "linear": lambda x: x,
}


def built(layer):
    layer(X)
    return randomized(layer)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_first_half_is_activated_and_the_second_is_its_gate(activation, use_bias):
    layer = built(layers.GatedFeedForward(5, activation, use_bias=use_bias))
    W, V = np.split(np.asarray(layer.inner.kernel, "float64"), 2, axis=1)
    b, c, d = 0.0, 0.0, 0.0
    if use_bias:
        (b, c), d = np.split(np.asarray(layer.inner.bias), 2), np.asarray(layer.outer.bias)
    expected = ACTIVATIONS[activation](X @ W + b) * (X @ V + c) @ np.asarray(layer.outer.kernel) + d
    np.testing.assert_allclose(layer(X), expected, rtol=1e-5, atol=1e-5)
    assert len(layer.weights) == (4 if use_bias else 2)


def test_dropout_stands_before_the_outer_projection():
    layer = built(layers.GatedFeedForward(4, "linear", dropout=0.5))
    layer.inner.kernel.assign(np.zeros((4, 8)))
    layer.inner.bias.assign(np.ones(8))
    layer.outer.kernel.assign(np.eye(4))
    layer.outer.bias.assign(np.full(4, 10.0))
    np.testing.assert_array_equal(layer(X), np.full(X.shape, 11.0))
    assert set(np.unique(layer(X, training=True))) == {10.0, 12.0}


def test_each_kernel_has_its_initializer():
    layer = layers.GatedFeedForward(4, kernel_initializer="zeros", output_initializer="ones")
    layer(X)
    np.testing.assert_array_equal(layer.inner.kernel, np.zeros((4, 8)))
    np.testing.assert_array_equal(layer.outer.kernel, np.ones((4, 4)))


@pytest.mark.parametrize(("arguments", "message"), [((0,), "`intermediate_dim`"), ((4, "gelu", 1.0), "`dropout`")])
def test_a_bad_argument_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=f"{message} of GatedFeedForward"):
        layers.GatedFeedForward(*arguments)


def test_a_named_function_is_an_activation_too():
    layer = layers.GatedFeedForward(4, keras.activations.softplus)
    again = layers.GatedFeedForward.from_config(layer.get_config())
    assert again.activation is keras.activations.softplus
