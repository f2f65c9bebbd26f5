"""Attention and its masks: what a query may see sums to one, and everything else is exactly nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops

BATCH, HEADS, LENGTH, SIZE = 2, 3, 5, 4


def floats(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(size=shape, scale=scale).astype("float32")


QUERY, KEY, VALUE = (floats(BATCH, HEADS, LENGTH, SIZE, seed=seed) for seed in range(3))
ALLOWED = np.random.default_rng(3).integers(0, 2, (BATCH, 1, LENGTH, LENGTH)).astype(bool)
ALLOWED[0, 0, 2] = False
ALLOWED[1, 0, 4] = True


def test_weights_sum_to_one_over_the_allowed_keys_and_are_exactly_zero_elsewhere():
    weights = np.asarray(ops.attention_weights(QUERY, KEY, ALLOWED))
    everywhere = np.broadcast_to(ALLOWED, weights.shape)
    assert (weights[~everywhere] == 0).all()
    assert (weights[everywhere] > 0).all()
    np.testing.assert_allclose(weights.sum(-1), everywhere.any(-1).astype("float32"), rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e18])
def test_a_row_with_nothing_to_see_is_zeros_at_any_size_of_scores(scale):
    weights = np.asarray(ops.attention_weights(QUERY * scale, KEY, ALLOWED))
    assert (weights[0, :, 2] == 0).all()
    assert np.isfinite(weights).all()
    np.testing.assert_array_equal(ops.attention(QUERY * scale, KEY, VALUE, ALLOWED)[0, :, 2], 0)


def test_gradients_through_a_row_with_nothing_to_see_are_zero():
    query = tf.constant(QUERY)
    with tf.GradientTape() as tape:
        tape.watch(query)
        total = tf.reduce_sum(tf.square(ops.attention(query, KEY, VALUE, ALLOWED)))
    gradient = tape.gradient(total, query).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[0, :, 2] == 0).all()
    assert np.abs(gradient[1, :, 4]).max() > 1e-4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_softmax_of_half_precision_scores_is_taken_in_float32(dtype):
    query, key = (keras.ops.cast(x, dtype) for x in (QUERY, KEY))
    weights = ops.attention_weights(query, key, ALLOWED)
    assert weights.dtype == "float32"
    # In bfloat16 a row of five could miss one by a hundredth.
    sums = np.asarray(weights).sum(-1)[np.broadcast_to(ALLOWED, weights.shape).any(-1)]
    np.testing.assert_allclose(sums, 1.0, rtol=0, atol=1e-6)
    assert ops.attention(query, key, keras.ops.cast(VALUE, dtype), ALLOWED).dtype == dtype


def test_dropout_acts_on_the_weights_before_they_meet_the_values():
    halved = ops.attention(QUERY, KEY, VALUE, ALLOWED, dropout=lambda weights: weights * 0.5)
    np.testing.assert_allclose(halved, ops.attention(QUERY, KEY, VALUE, ALLOWED) * 0.5, rtol=0, atol=1e-6)


def test_merging_undoes_splitting():
    x = floats(BATCH, LENGTH, HEADS * SIZE)
    heads = ops.split_heads(x, HEADS)
    assert heads.shape == (BATCH, HEADS, LENGTH, SIZE)
    np.testing.assert_array_equal(heads[:, 1], x[:, :, SIZE : 2 * SIZE])
    np.testing.assert_array_equal(ops.merge_heads(heads), x)


def test_heads_are_rotated_before_their_axis_moves():
    x = floats(BATCH, LENGTH, HEADS * SIZE)
    order = np.arange(LENGTH, dtype="float32")[:, None, None]
    heads = ops.split_heads(x, HEADS, rotate=lambda heads: heads * order)
    np.testing.assert_array_equal(heads, ops.split_heads(x, HEADS) * order[:, 0])


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ({"padding_mask": [[1, 0, 1]]}, [[[1, 0, 1]]]),
        ({"attention_mask": [[[1, 0, 0], [1, 1, 0], [0, 0, 0]]]}, [[[1, 0, 0], [1, 1, 0], [0, 0, 0]]]),
        ({"pack_ids": [[1, 2, 1]]}, [[[1, 0, 1], [0, 1, 0], [1, 0, 1]]]),
        ({"pack_ids": [[7, 0, 0]]}, [[[1, 0, 0], [0, 0, 0], [0, 0, 0]]]),
        ({"padding_mask": [[1, 1, 0]], "pack_ids": [[1, 2, 1]]}, [[[1, 0, 0], [0, 1, 0], [1, 0, 0]]]),
        (
            {"padding_mask": [[0, 1, 1]], "attention_mask": [[[1, 1, 0], [1, 0, 1], [0, 1, 1]]]},
            [[[0, 1, 0], [0, 0, 1], [0, 1, 1]]],
        ),
        ({"window": [[[1, 1, 0], [1, 1, 1], [0, 1, 1]]]}, [[[1, 1, 0], [1, 1, 1], [0, 1, 1]]]),
        (
            {"window": [[[1, 1, 0], [1, 1, 1], [0, 1, 1]]], "padding_mask": [[1, 0, 1], [1, 1, 1]]},
            [[[1, 0, 0], [1, 0, 1], [0, 0, 1]], [[1, 1, 0], [1, 1, 1], [0, 1, 1]]],
        ),
        (
            {"window": [[[1, 1, 0], [1, 1, 1], [0, 1, 1]]], "pack_ids": [[1, 1, 2]]},
            [[[1, 1, 0], [1, 1, 0], [0, 0, 1]]],
        ),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_masks_are_taken_together(masks, expected, dtype):
    given = {name: np.array(mask, "int32" if name == "pack_ids" else dtype) for name, mask in masks.items()}
    allowed = ops.attention_mask(**given)
    assert allowed.dtype == "bool"
    np.testing.assert_array_equal(allowed[:, 0], np.array(expected, bool))


def test_no_masks_make_no_mask():
    assert ops.attention_mask() is None


def test_very_low_scores_still_beat_the_mask():
    query = np.full((1, 1, 1, 4), 1e6, "float32")
    key = np.array([[[[-1e6] * 4, [0.0] * 4]]], "float32")
    weights = ops.attention_weights(query, key, np.array([[[[True, False]]]]))
    np.testing.assert_array_equal(weights, [[[[1.0, 0.0]]]])
