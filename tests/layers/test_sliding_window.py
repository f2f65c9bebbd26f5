"""The sliding window: what stands too far away is not seen, alone, in a block, and in a packed row."""

import numpy as np
import pytest
from parity_weights import randomized

from keras_bert_layers import layers

WIDTH, HEADS, LENGTH = 8, 2, 7
X = np.random.default_rng(0).normal(size=(2, LENGTH, WIDTH)).astype("float32")


def neighbours(length, window_size):
    return np.array([[abs(i - j) <= window_size // 2 for j in range(length)] for i in range(length)])


@pytest.mark.parametrize("window_size", [1, 2, 3, 4, 12, 13, 100])
def test_it_allows_half_the_window_on_either_side(window_size):
    allowed = layers.SlidingWindow(window_size)(X)
    assert allowed.dtype == "bool"
    np.testing.assert_array_equal(allowed, [neighbours(LENGTH, window_size)] * 2)


@pytest.mark.parametrize("size", [0, -2, 2.0, None])
def test_a_window_is_a_positive_number_of_positions(size):
    with pytest.raises(ValueError, match="`window_size` of SlidingWindow must be a positive integer"):
        layers.SlidingWindow(size)


def local_and_whole(window, **settings):
    """Attention with this window, and the same weights without one."""
    local, whole = layers.SelfAttention(HEADS, window=window, **settings), layers.SelfAttention(HEADS, **settings)
    local(X), whole(X)
    randomized(local), randomized(whole)
    return local, whole


def test_inside_the_attention_it_is_an_attention_mask():
    local, whole = local_and_whole(layers.SlidingWindow(4))
    mask = np.tile(neighbours(LENGTH, 4), (2, 1, 1))
    np.testing.assert_array_equal(local(X), whole(X, attention_mask=mask))
    np.testing.assert_array_equal(local(X), whole(X, attention_mask=layers.SlidingWindow(4)(X)))
    assert np.abs(local(X) - whole(X)).max() > 1e-2


def test_it_narrows_the_other_masks_and_replaces_none():
    local, whole = local_and_whole(layers.SlidingWindow(4))
    padding_mask = np.array([[1, 1, 1, 1, 0, 0, 0], [1] * 7])
    causal = np.tril(np.ones((2, LENGTH, LENGTH), "int32"))
    expected = whole(X, padding_mask=padding_mask, attention_mask=causal * neighbours(LENGTH, 4))
    np.testing.assert_array_equal(local(X, padding_mask=padding_mask, attention_mask=causal), expected)


def test_the_reported_probabilities_are_zero_outside_the_window_and_sum_to_one():
    weights = np.asarray(local_and_whole(layers.SlidingWindow(2))[0].attention_weights(X))
    inside = np.broadcast_to(neighbours(LENGTH, 2), weights.shape)
    assert (weights[~inside] == 0).all()
    assert (weights[inside] > 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=0, atol=1e-6)


def test_a_window_that_covers_the_sequence_changes_nothing():
    local, whole = local_and_whole(layers.SlidingWindow(2 * LENGTH))
    np.testing.assert_array_equal(local(X), whole(X))


def test_what_happens_outside_the_window_is_not_noticed():
    local, _ = local_and_whole(layers.SlidingWindow(4))
    changed = X.copy()
    changed[:, 3:] += 5.0
    before, after = local(X), local(changed)
    np.testing.assert_array_equal(before[:, 0], after[:, 0])
    assert np.abs(before[:, 1] - after[:, 1]).max() > 1e-3
