"""Selecting positions: padding reads nothing and sends nothing back."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_rows_come_in_the_order_asked_for_and_padding_is_zeros(dtype):
    selected = ops.gather_positions(X, np.array([[3, 0, -1], [-1, 2, 2]], dtype))
    np.testing.assert_array_equal(selected[0], [X[0, 3], X[0, 0], np.zeros(3)])
    np.testing.assert_array_equal(selected[1], [np.zeros(3), X[1, 2], X[1, 2]])


def test_gradients_reach_the_selected_positions_only():
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(ops.gather_positions(x, np.array([[3, -1, -1], [2, 2, -5]])))
    expected = np.zeros_like(X)
    expected[0, 3], expected[1, 2] = 1.0, 2.0
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(total, x)), expected)


def test_no_positions_select_nothing():
    assert ops.gather_positions(X, np.zeros((2, 0), "int32")).shape == (2, 0, 3)
