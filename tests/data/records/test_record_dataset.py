"""Batches out of records hold what was stored, follow from the seed alone, and go on exactly where a run stopped."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from data_records import TOKENIZER, make_records, read_examples, sequences_of

from keras_bert_layers.data import read_metadata, record_dataset, record_epoch, split_shards
from keras_bert_layers.data.records import record_epochs
from keras_bert_layers.data.records.ragged_columns import joined
from keras_bert_layers.data.records.record_epochs import RecordEpochs
from keras_bert_layers.data.records.record_steps import RecordSteps
from keras_bert_layers.text import MaskedLMMasker

PAD, CLS, SEP = TOKENIZER.pad_id, TOKENIZER.cls_id, TOKENIZER.sep_id
MASKER = MaskedLMMasker(TOKENIZER, max_predictions=6, seed=3)
KINDS = {
    "pairs": ({}, {}),
    "singles": ({"objective": "none"}, {}),
    "packed pairs": ({}, {"max_sequences": 3}),
    "packed singles": ({"objective": "none", "short_sequence_probability": 0.6}, {"max_sequences": 4}),
    "stored packed": ({"objective": "none", "max_sequences": 4}, {}),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def tell_the_stream(features, example_index, epoch):
    """A masker whose "hidden ids" are the epoch and the example index that it was given."""
    told = tf.stack([tf.fill(tf.shape(example_index), epoch), example_index], axis=1)
    weights = tf.ones_like(told, tf.float32)
    return {**features, "mask_positions": tf.ones_like(told, tf.int32), "mask_ids": told, "mask_weights": weights}


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    @functools.cache
    def make(kind):
        return make_records(tmp_path_factory.mktemp("records"), sequence_length=48, **KINDS[kind][0])

    return make


@pytest.fixture
def dataset_of(folder_of):
    def dataset(kind, masker=tell_the_stream, batch_size=4, **arguments):
        return record_dataset(folder_of(kind), TOKENIZER, masker, batch_size, **{**KINDS[kind][1], **arguments})

    return dataset


@pytest.fixture
def steps_of(folder_of):
    def steps(kind, batch_size=4, drop_remainder=True, share=(0, 1), shuffle_shards=2):
        folder, max_sequences = folder_of(kind), KINDS[kind][1].get("max_sequences", 1)
        order = RecordEpochs(str(folder), read_metadata(folder), None, 2, True, shuffle_shards, max_sequences)
        return RecordSteps(order, batch_size, drop_remainder, share)

    return steps


def batches_of(steps, stop, start_step=0):
    epoch, used = steps.after(start_step, 0, stop)
    return list(steps.batches(epoch, stop, used))


def told(batch):
    """(epoch, example index) of each row."""
    y = batch[1]
    return np.asarray(y["masked_lm"] if isinstance(y, dict) else y)


def same(one, other):
    return all(
        np.array_equal(a, b)
        for left, right in itertools.zip_longest(one, other)
        for a, b in zip(tf.nest.flatten(left), tf.nest.flatten(right), strict=True)
    )


def expected_row(sequences, width=48):
    """token_ids, segment_ids, padding_mask, position_ids, pack_ids of a row, by hand."""
    columns = [[], [], [], [], []]
    for number, segments in enumerate(sequences):
        tokens, segment_ids = [CLS], [0]
        for side, segment in enumerate(segments):
            tokens += [*segment, SEP]
            segment_ids += [side] * (len(segment) + 1)
        size = len(tokens)
        for column, values in zip(
            columns, (tokens, segment_ids, [1] * size, range(size), [number + 1] * size), strict=True
        ):
            column += values
    return [column + [0] * (width - len(column)) for column in columns]


@kinds
def test_every_stored_example_comes_once_an_epoch_as_it_was_stored(folder_of, dataset_of, kind):
    pairs = "pairs" in kind
    stored = [example for shard in read_examples(folder_of(kind)) for example in shard]
    seen, names = [], ["token_ids", "segment_ids", "padding_mask", "position_ids", "pack_ids"]
    by_tokens = {tuple(map(tuple, sequence)): n for n, e in enumerate(stored) for sequence in sequences_of(e, pairs)}
    for x, y, weight in dataset_of(kind, epochs=1, drop_remainder=False, seed=5):
        for row in range(len(x["token_ids"])):
            starts = x["sequence_starts"][row] if "sequence_starts" in x else np.array([0])
            starts = [int(start) for start in starts if start >= 0]
            ids = x["token_ids"][row].numpy()
            ids = ids[x["padding_mask"][row].numpy() > 0]
            sequences = []
            for part in np.split(ids, starts[1:]):
                ends = np.flatnonzero(part == SEP)
                sequences.append([s[1:].tolist() for s in np.split(part[:-1], ends[:-1])])
            rows = expected_row(sequences)
            for name, expected in zip(names, rows, strict=True):
                if name in x:
                    assert x[name][row].numpy().tolist() == expected
            numbers = [by_tokens[tuple(map(tuple, sequence))] for sequence in sequences]
            assert told((x, y, weight))[row].tolist() == [0, numbers[0]]
            if pairs:
                labels = np.atleast_1d(y["next_sentence"][row])
                wanted = [stored[number]["labels"][0] for number in numbers]
                assert labels.tolist() == wanted + [0] * (len(labels) - len(wanted))
                present = [1.0] * len(wanted) + [0.0] * (len(labels) - len(wanted))
                assert np.atleast_1d(weight["next_sentence"][row]).tolist() == present
            seen += dict.fromkeys(numbers) if kind == "stored packed" else numbers
    assert sorted(seen) == list(range(len(stored)))


@kinds
def test_dtypes_and_static_shapes(dataset_of, kind):
    x, y, weight = dataset_of(kind, MASKER).element_spec
    names = {"token_ids", "segment_ids", "padding_mask", "mask_positions"}
    packed = {"position_ids", "pack_ids", "sequence_starts"} if "packed" in kind else set()
    assert set(x) == names | packed
    assert {spec.dtype.name for spec in tf.nest.flatten((x, y))} == {"int32"}
    assert {spec.dtype.name for spec in tf.nest.flatten(weight)} == {"float32"}
    assert all(x[name].shape == (4, 48) for name in ("token_ids", "segment_ids", "padding_mask"))
    assert x["mask_positions"].shape == (4, 6)
    assert all(spec.shape.is_fully_defined() for spec in tf.nest.flatten((x, y, weight)))


@kinds
def test_each_epoch_has_an_order_of_its_own(dataset_of, kind):
    batches = list(map(told, dataset_of(kind, epochs=2)))
    epochs = [np.concatenate([rows for rows in batches if rows[0, 0] == epoch])[:, 1] for epoch in (0, 1)]
    assert epochs[0].tolist() != epochs[1].tolist()
    assert epochs[0].tolist() != sorted(epochs[0])


def test_the_seed_alone_determines_the_batches(dataset_of):
    one, again, other = (list(dataset_of("packed pairs", MASKER, epochs=1, seed=seed)) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)


@kinds
def test_without_shuffle_the_order_is_that_of_the_corpus(dataset_of, kind):
    rows = np.concatenate([told(b) for b in dataset_of(kind, epochs=1, shuffle=False, drop_remainder=False)])
    assert np.all(np.diff(rows[:, 1]) > 0)


def test_shards_are_mixed_a_few_at_a_time(folder_of):
    shard_of = [n for n, shard in enumerate(read_examples(folder_of("pairs"))) for _ in shard]
    for mixed in (1, 2):
        dataset = record_dataset(
            folder_of("pairs"), TOKENIZER, tell_the_stream, 1, epochs=1, shuffle_shards=mixed, drop_remainder=False
        )
        shards = [shard_of[told(batch)[0, 1]] for batch in dataset]
        runs = [shard for shard, _ in itertools.groupby(shards)]
        assert (len(runs) == len(set(shards))) == (mixed == 1)
        last = {shard: place for place, shard in enumerate(shards)}
        open_at_once = [len({s for s in shards[:i] if last[s] >= i} | {shards[i]}) for i in range(len(shards))]
        assert max(open_at_once) == mixed


@kinds
def test_a_mask_depends_on_the_example_and_the_epoch_alone(dataset_of, kind):
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False

    def masks(**arguments):
        dataset = dataset_of(kind, MASKER, epochs=1, drop_remainder=False, **arguments)
        found = {}
        for x, y, _ in dataset.with_options(options):
            hidden = y["masked_lm"] if isinstance(y, dict) else y
            for ids, positions, originals in zip(x["token_ids"], x["mask_positions"], hidden, strict=True):
                row = ids.numpy().copy()
                row[positions[positions >= 0]] = originals[positions >= 0]
                found[tuple(row)] = positions.numpy().tolist()
        return found

    expected = masks(batch_size=4)
    assert masks(batch_size=7) == expected
    if "packed" not in kind:  # a packed row is another one in another order
        assert masks(seed=9) == expected
    other = masks(start_epoch=1)
    assert any(other[row] != expected[row] for row in other.keys() & expected.keys())


@kinds
@pytest.mark.parametrize("drop_remainder", [True, False])
def test_a_run_goes_on_at_any_step(steps_of, kind, drop_remainder):
    steps = steps_of(kind, drop_remainder=drop_remainder)
    whole = batches_of(steps, stop=3)
    ends = itertools.accumulate(map(steps.of, range(3)))  # of the epochs, where something may go wrong
    for step in [1, len(whole) // 2, *(end + by for end in ends for by in (-1, 0) if end + by < len(whole))]:
        assert same(batches_of(steps, stop=3, start_step=step), whole[step:])


def test_the_data_set_goes_on_at_the_step(dataset_of):
    whole = list(dataset_of("packed pairs", MASKER, epochs=2))
    step = len(whole) // 2 + 2  # in the second epoch
    assert same(dataset_of("packed pairs", MASKER, epochs=2, start_step=step), whole[step:])


@pytest.mark.parametrize("kind", ["pairs", "packed singles"])
def test_shards_before_the_step_are_not_read(dataset_of, kind, monkeypatch):
    read = []
    load = record_epochs.read_shards
    monkeypatch.setattr(
        record_epochs, "read_shards", lambda d, m, group, own: read.append(group) or load(d, m, group, own)
    )
    list(dataset_of(kind, epochs=1, shuffle_shards=1))
    groups = len(read)
    read.clear()
    steps = len(dataset_of(kind, epochs=1, shuffle_shards=1))
    list(dataset_of(kind, epochs=1, shuffle_shards=1, start_step=steps // 2))
    assert 0 < len(read) <= groups // 2 + 2
    read.clear()
    next(iter(dataset_of(kind, start_step=10 * steps, shuffle_shards=1)))
    assert 0 < len(read) <= 4


@kinds
@pytest.mark.parametrize(("batch_size", "count"), [(4, 2), (6, 3), (5, 3), (2, 3)])
@pytest.mark.parametrize("drop_remainder", [True, False])
def test_the_shares_of_each_step_are_its_batch(steps_of, kind, batch_size, count, drop_remainder):
    whole = steps_of(kind, batch_size, drop_remainder)
    shares = [steps_of(kind, batch_size, drop_remainder, (number, count)) for number in range(count)]
    expected, parts = batches_of(whole, stop=2, start_step=1), [batches_of(s, stop=2, start_step=1) for s in shares]
    for number, step in enumerate(zip(*parts, strict=True)):
        assert {epoch for epoch, _ in step} == {expected[number][0]}
        sizes = [len(rows["index"][1]) - 1 for _, rows in step]
        assert max(sizes) - min(sizes) <= 1
    assert same([joined([rows for _, rows in step]) for step in zip(*parts, strict=True)], [r for _, r in expected])


def test_a_strategy_does_not_divide_the_batches_of_a_worker_again(dataset_of):
    policy = dataset_of("pairs", share=(1, 2)).options().experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF


@pytest.mark.parametrize("kind", ["pairs", "packed singles"])
@pytest.mark.parametrize("drop_remainder", [True, False])
def test_a_finite_data_set_knows_its_length(dataset_of, kind, drop_remainder):
    dataset = dataset_of(kind, epochs=2, drop_remainder=drop_remainder, start_step=3)
    assert len(dataset) == len(list(dataset))


def test_an_endless_data_set_goes_on_with_the_next_epoch(dataset_of):
    dataset, one = dataset_of("pairs"), dataset_of("pairs", epochs=1)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    assert same(dataset.take(len(one)), one)
    assert told(next(iter(dataset.skip(len(one)))))[0, 0] == 1


@kinds
def test_an_epoch_in_numbers_is_what_comes(folder_of, dataset_of, kind):
    arguments = {**KINDS[kind][1], "epoch": 1, "seed": 2}
    epoch = record_epoch(folder_of(kind), 4, **arguments)
    rows = list(dataset_of(kind, epochs=1, start_epoch=1, seed=2, drop_remainder=False))
    tokens = sum(int(x["padding_mask"].numpy().sum()) for x, _, _ in rows)
    num_rows = sum(len(x["token_ids"]) for x, _, _ in rows)
    assert (epoch.rows, epoch.tokens, epoch.steps) == (num_rows, tokens, num_rows // 4)
    assert epoch.fill == pytest.approx(tokens / (48 * num_rows))


@pytest.mark.parametrize("kind", ["packed pairs", "packed singles"])
def test_packing_when_reading_fills_the_rows(folder_of, kind):
    folder, arguments = folder_of(kind), KINDS[kind][1]
    assert record_epoch(folder, 4, **arguments).fill > record_epoch(folder, 4).fill + 0.05
    assert record_epoch(folder, 4, **arguments).tokens == record_epoch(folder, 4).tokens


def test_longest_pads_to_the_longest_row_of_the_batch(dataset_of):
    widths = set()
    for x, _, _ in dataset_of("singles", batch_size=2, epochs=1, padding="longest"):
        assert x["padding_mask"].numpy().sum(axis=1).max() == x["token_ids"].shape[1]
        widths.add(x["token_ids"].shape[1])
    assert len(widths) > 1


@pytest.mark.parametrize("held_out", [0.01, 0.3, 0.9])
def test_held_out_shards_share_no_example_with_the_others(folder_of, dataset_of, held_out):
    training, evaluation = split_shards(folder_of("singles"), held_out)
    shards = read_examples(folder_of("singles"))
    assert sorted(training + evaluation) == list(range(len(shards)))
    assert len(evaluation) == min(max(1, round(held_out * len(shards))), len(shards) - 1)
    index = [
        {i for b in dataset_of("singles", shards=part, epochs=1, drop_remainder=False) for i in told(b)[:, 1]}
        for part in (training, evaluation)
    ]
    assert index[0] | index[1] == set(range(sum(map(len, shards))))
    assert not index[0] & index[1]


def test_one_shard_cannot_be_split(tmp_path):
    records = make_records(tmp_path, chunk_bytes=1_000_000)
    with pytest.raises(ValueError, match=r"has one shard with examples.*smaller `chunk_bytes`"):
        split_shards(records)
