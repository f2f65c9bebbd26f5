"""Batches of like length: each example once an epoch, little padding, one order for a seed, and from any step on."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import data

LENGTHS = np.clip(np.random.default_rng(0).geometric(0.05, 1000), 1, 128)


def batches(**settings):
    columns = (np.arange(len(LENGTHS)), np.array([f"text {i}" for i in range(len(LENGTHS))]))
    arguments = {"batch_size": 16, **settings}
    return data.bucketed_dataset(columns, lambda number, text: (number, text), LENGTHS, **arguments)


def numbers(dataset):
    return [x.tolist() for x, _ in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_every_example_stands_in_one_batch(seed):
    plan = data.length_batches(LENGTHS, 16, seed)
    assert sorted(np.concatenate(plan)) == list(range(1000))
    assert {len(batch) for batch in plan} <= {16, 8}


@pytest.mark.parametrize("seed", [None, 0])
def test_little_of_the_batches_is_padding(seed):
    padded = sum(len(batch) * LENGTHS[batch].max() for batch in data.length_batches(LENGTHS, 16, seed))
    at_random = np.random.default_rng(0).permutation(LENGTHS)[:992].reshape(62, 16)
    assert padded < 1.15 * LENGTHS.sum()
    assert at_random.max(1).sum() * 16 > 2 * LENGTHS.sum()


def test_lengths_come_in_no_order_when_shuffled_and_longest_first_when_not():
    means = [LENGTHS[batch].mean() for batch in data.length_batches(LENGTHS, 16, seed=0)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.3
    longest = [LENGTHS[batch].max() for batch in data.length_batches(LENGTHS, 16)]
    assert longest == sorted(longest, reverse=True)


def test_the_order_follows_from_seed_and_epoch():
    def flat(seed, epoch):
        return np.concatenate(data.length_batches(LENGTHS, 16, seed, epoch)).tolist()

    assert flat(1, 2) == flat(1, 2)
    assert len({tuple(flat(seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}) == 4


def test_the_columns_of_a_batch_belong_together():
    for number, text in batches(epochs=1).as_numpy_iterator():
        assert [f"text {i}".encode() for i in number] == text.tolist()


@pytest.mark.parametrize("start", [0, 1, 62, 63, 64, 130])
def test_a_data_set_begins_at_any_step(start):
    whole = numbers(batches(epochs=3, seed=5))
    rest = batches(epochs=3, seed=5, start_step=start)
    assert numbers(rest) == whole[start:]
    assert rest.cardinality() == len(whole) - start
    endless = batches(seed=5, start_step=start)
    assert numbers(endless.take(3)) == whole[start : start + 3]
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY


def test_without_shuffling_there_is_one_pass_longest_first():
    got = numbers(batches(shuffle=False))
    assert got == [batch.tolist() for batch in data.length_batches(LENGTHS, 16)]


@pytest.mark.parametrize("form", ["ragged", "dict"])
def test_columns_may_be_ragged_or_named(form):
    ragged = tf.RaggedTensor.from_row_lengths(np.repeat(np.arange(1000), LENGTHS), LENGTHS)
    columns = {"ragged": ragged, "dict": {"ids": ragged}}[form]
    rows = data.bucketed_dataset(
        columns, lambda batch: (batch["ids"] if form == "dict" else batch).to_tensor(-1), LENGTHS, 16, epochs=1
    )
    for row in itertools.chain.from_iterable(rows.as_numpy_iterator()):
        assert (row != -1).sum() == LENGTHS[row[0]]
        assert set(row) <= {row[0], -1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"epochs": 0}, "epochs=0"),
        ({"start_step": -1}, "start_step=-1"),
        ({"epochs": 2, "start_step": 126}, "2 epochs have 126 batches.*raise `epochs`"),
    ],
)
def test_numbers_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        batches(**settings)


@pytest.mark.parametrize("columns", [np.zeros(3), (np.zeros(2), np.zeros(3)), np.zeros(0)])
def test_columns_of_other_lengths_are_refused(columns):
    with pytest.raises(ValueError, match="one row for each of the `lengths`"):
        data.bucketed_dataset(columns, lambda *x: x, [1, 2] if len(columns) else [], 2)
