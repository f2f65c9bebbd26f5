"""Batches of few shapes: every length a bound, every batch full, and next to no example left out."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import data

LENGTHS = np.clip(np.random.default_rng(0).geometric(0.05, 1000), 1, 128)
BOUNDS = (16, 32, 64, 128)


def dataset(lengths=LENGTHS, **settings):
    ids = tf.RaggedTensor.from_row_lengths(np.repeat(np.arange(len(lengths)), lengths), lengths)

    def prepare(rows, length):
        return data.pad_to_length({"token_ids": rows.to_tensor(-1)}, length, pad_id=-1)["token_ids"]

    arguments = {"batch_size": 16, "bounds": BOUNDS, "epochs": 1, "drop_remainder": True, **settings}
    return data.bucketed_dataset(ids, prepare, lengths, **arguments)


def examples(batch):
    """The number of each row's example, which all its tokens are, and the length of its tokens."""
    return batch.max(axis=1), (batch != -1).sum(axis=1)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_has_one_of_the_shapes_and_holds_whole_examples(shuffle):
    seen = []
    for batch in dataset(shuffle=shuffle).as_numpy_iterator():
        numbers, lengths = examples(batch)
        assert batch.shape[0] == 16
        assert batch.shape[1] == min(bound for bound in BOUNDS if bound >= lengths.max())
        np.testing.assert_array_equal(lengths, LENGTHS[numbers])
        seen += numbers.tolist()
    assert len(seen) == len(set(seen)) == 1000 // 16 * 16


def test_a_shorter_example_only_fills_what_is_left_over():
    """At most batch_size - 1 examples of each bound stand in a longer batch."""
    in_longer = 0
    for batch in dataset().as_numpy_iterator():
        _, lengths = examples(batch)
        shortest = max((bound for bound in BOUNDS if bound < batch.shape[1]), default=0)
        in_longer += (lengths <= shortest).sum()
    assert 0 < in_longer <= 15 * (len(BOUNDS) - 1)


def test_a_remainder_that_is_kept_is_one_batch_of_the_longest():
    batches = list(dataset(drop_remainder=False, shuffle=False).as_numpy_iterator())
    assert sorted(np.concatenate([examples(batch)[0] for batch in batches])) == list(range(1000))
    assert [len(batch) for batch in batches] == [8] + [16] * 62
    assert batches[0].shape[1] == 128
    assert [batch.shape[1] for batch in batches] == sorted((batch.shape[1] for batch in batches), reverse=True)


def test_epochs_differ_and_a_run_goes_on_at_any_step():
    whole = [batch.tolist() for batch in dataset(epochs=2, seed=3).as_numpy_iterator()]
    assert len(whole) == 2 * 62
    assert whole[:62] != whole[62:]
    assert [batch.tolist() for batch in dataset(epochs=2, seed=3, start_step=70).as_numpy_iterator()] == whole[70:]


def test_the_number_of_rows_is_static_where_no_remainder_comes():
    assert dataset().element_spec.shape.as_list() == [16, None]
    assert dataset(share=(0, 2)).element_spec.shape.as_list() == [8, None]
    assert dataset(drop_remainder=False).element_spec.shape.as_list() == [None, None]


def test_all_shares_of_a_batch_have_the_same_length():
    lengths = np.array([3] * 7 + [30] * 9)
    halves = [list(dataset(lengths, share=(k, 2)).as_numpy_iterator()) for k in range(2)]
    assert [batch.shape for half in halves for batch in half] == [(8, 32)] * 2


def test_without_bounds_smaller_batches_are_left_out_too():
    batches = data.bucketed_dataset(np.arange(10), lambda x: x, np.ones(10), 4, epochs=1, drop_remainder=True)
    assert batches.element_spec.shape.as_list() == [4]
    assert [len(batch) for batch in batches.as_numpy_iterator()] == [4, 4]
    assert batches.cardinality() == 2


def test_features_are_padded_with_the_padding_token_and_zeros():
    features = tiny.preprocessor()(["good film", "a"])
    padded = data.pad_to_length({**features, "mask_positions": tf.constant([[1], [1]])}, 7, pad_id=9)
    np.testing.assert_array_equal(padded["token_ids"][:, 4:], np.full((2, 3), 9))
    np.testing.assert_array_equal(padded["token_ids"][:, :4], features["token_ids"])
    np.testing.assert_array_equal(padded["padding_mask"], [[1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0]])
    assert padded["mask_positions"].shape == (2, 1)


def test_features_longer_than_their_bound_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Count special tokens in `lengths`"):
        data.pad_to_length(tiny.preprocessor()(["good film"]), 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bounds": (0, 128)}, "`bounds` must be lengths from 1 on"),
        ({"bounds": (16, 64)}, r"longest example has the length \d+, and the last of `bounds` is 64"),
        ({"batch_size": 1001}, "1000 examples make no batch of 1001"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_bounds_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        dataset(**settings)
