"""Taking padding out and putting it back: plain indexing in NumPy, and gradients that go the other way."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops

X = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
MASKS = {
    "at_the_end": [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]],
    "anywhere": [[0, 1, 0, 1], [1, 1, 0, 1], [0, 0, 0, 1]],
    "a_row_of_padding": [[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]],
    "nothing_real": [[0] * 4] * 3,
    "all_real": [[1] * 4] * 3,
}
masks = pytest.mark.parametrize("mask", [np.array(mask, "int32") for mask in MASKS.values()], ids=MASKS.keys())


@masks
def test_real_tokens_leave_in_order_and_come_back_to_their_places(mask):
    layout = ops.unpadding(mask)
    rows = ops.unpad(X, layout)
    if mask.any():
        np.testing.assert_array_equal(rows, X[mask.astype(bool)])
    back = np.asarray(ops.repad(rows, layout))
    assert back.shape == X.shape
    np.testing.assert_array_equal(back[mask.astype(bool)], X[mask.astype(bool)])


@masks
def test_gradients_reach_the_real_tokens_and_no_other(mask):
    x, real = tf.Variable(X), mask.astype(bool)
    with tf.GradientTape(persistent=True) as tape:
        layout = ops.unpadding(mask)
        rows = ops.unpad(x, layout)
        loss = tf.reduce_sum(rows * (X[real] if mask.any() else 1.0))
        padded_loss = tf.reduce_sum(tf.square(ops.clear_padding(ops.repad(rows, layout), mask)))
    np.testing.assert_array_equal(tape.gradient(loss, x), X * mask[:, :, None])
    np.testing.assert_allclose(tape.gradient(padded_loss, x), 2 * X * mask[:, :, None], rtol=1e-6)


@masks
def test_heads_come_to_their_places_as_rows_do(mask):
    """Against the same in two passes; values and gradients."""
    layout, real = ops.unpadding(mask), mask.astype(bool)
    rows = tf.Variable(np.random.default_rng(1).normal(size=(len(layout.token_index), 6)).astype("float32"))
    with tf.GradientTape(persistent=True) as tape:
        heads, expected = ops.split_heads(rows, 2, layout=layout), ops.split_heads(ops.repad(rows, layout), 2)
        losses = [tf.reduce_sum(tf.square(x) * real[:, None, :, None]) for x in (heads, expected)]
    np.testing.assert_array_equal(*(np.asarray(x).transpose(0, 2, 1, 3)[real] for x in (heads, expected)))
    gradients = [np.array(tape.gradient(loss, rows)) for loss in losses]
    assert gradients[0].any() == mask.any()
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_no_layout_leaves_tensors_as_they_are():
    assert ops.unpad(X, None) is X
    assert ops.repad(X, None) is X


def test_a_mask_of_pairs_is_refused():
    with pytest.raises(ValueError, match="`padding_mask` must have rank 2"):
        ops.unpadding(np.ones((2, 3, 3), "int32"))
