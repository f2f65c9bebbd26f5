"""Workers and replicas share out the very batches of one device, and each worker prepares its own rows alone."""

import functools
from types import SimpleNamespace

import data_records
import keras
import numpy as np
import pytest
import tensorflow as tf
from data_records import TOKENIZER, numbered_documents

from keras_bert_layers import data
from keras_bert_layers.data.records import record_shards
from keras_bert_layers.distribute import batches, replica_batch_sizes
from keras_bert_layers.text import MaskedLMMasker

MASKER = MaskedLMMasker(TOKENIZER, max_predictions=4)
GRIDS = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]
grids = pytest.mark.parametrize(("workers", "replicas"), GRIDS, ids=lambda number: str(number))


def simulated(workers, replicas, worker):
    """As much of a strategy as `batches` asks for: the data set is what TensorFlow would be given for this worker."""
    context = tf.distribute.InputContext(workers, worker, workers * replicas)
    return SimpleNamespace(
        num_replicas_in_sync=workers * replicas, distribute_datasets_from_function=lambda function: function(context)
    )


def replicas_of(dataset, workers, replicas):
    """Step by step what each replica gets, in their order."""
    streams = [iter(batches(dataset, simulated(workers, replicas, worker))) for worker in range(workers)]
    ended, steps = object(), []
    while True:
        parts = [next(stream, ended) for stream in streams for _ in range(replicas)]
        if ended in parts:
            assert all(part is ended for part in parts)
            return steps
        steps.append([flat(part) for part in parts])


def flat(batch):
    return [np.asarray(leaf) for leaf in tf.nest.flatten(batch)]


@pytest.fixture(scope="module")
def corpus():
    return data.tokenize_documents(numbered_documents(num_documents=12), TOKENIZER)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return data_records.make_records(tmp_path_factory.mktemp("records"), numbered_documents(num_documents=20))


@pytest.fixture(scope="module")
def dataset_of(corpus, records):
    """Name -> a function of a share, and of further arguments."""
    texts = np.array([" ".join(["w1"] * length) for length in np.random.default_rng(0).integers(1, 9, 31)])
    lengths = np.char.count(texts, " ") + 1
    tokenize = lambda texts, numbers: (TOKENIZER.tokenize(texts).to_tensor(shape=[None, 8]), numbers)  # noqa: E731
    arguments = {"tokenizer": TOKENIZER, "masker": MASKER, "sequence_length": 32, "batch_size": 7}
    return {
        "pairs": functools.partial(data.pretraining_dataset, corpus, **arguments),
        "packed pairs": functools.partial(data.pretraining_dataset, corpus, **arguments, max_sequences=3),
        "segments": functools.partial(data.masked_lm_dataset, corpus, **arguments),
        "buckets": functools.partial(data.bucketed_dataset, (texts, np.arange(31)), tokenize, lengths, batch_size=7),
        "records": functools.partial(data.record_dataset, records, TOKENIZER, MASKER, batch_size=7),
        "packed records": functools.partial(
            data.record_dataset, records, TOKENIZER, MASKER, batch_size=7, max_sequences=3
        ),
    }


@pytest.fixture(scope="module")
def uneven(dataset_of):
    """Name -> the data set of an epoch with an uneven batch, and its batches on one device."""

    @functools.cache
    def make(kind):
        arguments = {"epochs": 1} if kind == "buckets" else {"epochs": 1, "drop_remainder": False}
        expected = [flat(batch) for batch in dataset_of[kind](batch_size=7, **arguments)]
        size = next(size for size in (7, 6, 5) if sum(len(batch[0]) for batch in expected) % size)
        made = functools.partial(dataset_of[kind], batch_size=size, **arguments)
        return made, expected if size == 7 else [flat(batch) for batch in made()]

    return make


KINDS = ["pairs", "packed pairs", "segments", "buckets", "records", "packed records"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("workers", "replicas"), [(2, 2), (3, 1)])
def test_the_rows_of_all_replicas_are_the_batch_of_one_device_to_the_uneven_end(uneven, kind, workers, replicas):
    make, expected = uneven(kind)
    found = replicas_of(lambda share: make(share=share), workers, replicas)
    assert len(found) == len(expected)
    for parts, whole in zip(found, expected, strict=True):
        sizes = [len(part[0]) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        for column, rows in zip(zip(*parts, strict=True), whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(column), rows)


@pytest.mark.parametrize("kind", KINDS)
def test_from_step_7_on_replicas_get_the_batches_of_one_device(dataset_of, kind):
    expected = [flat(batch) for batch in dataset_of[kind]().skip(7).take(3)]
    found = replicas_of(lambda share: dataset_of[kind](start_step=7, share=share).take(3), 2, 1)
    for parts, whole in zip(found, expected, strict=True):
        for column, rows in zip(zip(*parts, strict=True), whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(column), rows)


@grids
@pytest.mark.parametrize("size", [8, 7, 2])
def test_a_data_set_of_whole_batches_is_shared_out_too(workers, replicas, size):
    ragged = tf.ragged.constant([list(range(number % 4)) for number in range(19)])
    dataset = tf.data.Dataset.from_tensor_slices(({"a": tf.range(19), "b": ragged}, tf.range(19.0))).batch(size)
    found = []
    for worker in range(workers):
        of_worker = batches(dataset, simulated(workers, replicas, worker))
        found.append([(x["a"].numpy(), x["b"].to_list(), y.numpy()) for x, y in of_worker])
    steps = [
        [part for each in found for part in each[step * replicas : (step + 1) * replicas]]
        for step in range(-(-19 // size))
    ]
    for number, parts in enumerate(steps):
        expected = list(range(19))[number * size : (number + 1) * size]
        assert np.concatenate([a for a, _, _ in parts]).tolist() == expected
        assert [row for _, b, _ in parts for row in b] == ragged[number * size : (number + 1) * size].to_list()
        assert np.concatenate([y for _, _, y in parts]).tolist() == expected


def test_batches_of_even_shares_keep_their_known_size():
    endless = tf.data.Dataset.range(100).repeat().batch(8, drop_remainder=True)
    shared = batches(endless, simulated(2, 2, 1))
    assert shared.element_spec.shape == [2]
    assert shared.cardinality() == tf.data.INFINITE_CARDINALITY


class Counting:
    """A function that counts the rows it is given."""

    def __init__(self, function, rows=len):
        self.function, self.rows, self.count = function, rows, 0

    def __call__(self, argument, *others, **named):
        self.count += self.rows(argument)
        return self.function(argument, *others, **named)


def test_a_worker_parses_and_masks_only_its_own_records(records, monkeypatch):
    counts = []
    for share in ((0, 1), (0, 2), (1, 2)):
        parse = Counting(record_shards.parse_examples)
        monkeypatch.setattr(record_shards, "parse_examples", parse)
        masked = []

        def masker(features, index, epoch, masked=masked):
            (noted,) = tf.numpy_function(lambda index: masked.extend(index) or index, [index], [tf.int64])
            return MASKER(features, tf.ensure_shape(noted, index.shape), epoch=epoch)

        list(data.record_dataset(records, TOKENIZER, masker, 6, epochs=1, share=share))
        monkeypatch.undo()
        counts.append((parse.count, len(masked)))
    whole, first, second = counts
    steps = whole[0] // 6
    assert whole == (6 * steps, 6 * steps)
    assert first == second == (3 * steps, 3 * steps)


def test_a_worker_tokenizes_only_its_own_texts():
    seen = []

    def tokenize(texts):
        (noted,) = tf.numpy_function(lambda texts: seen.append(len(texts)) or texts, [texts], [tf.string])
        return TOKENIZER.tokenize(tf.ensure_shape(noted, [None])).to_tensor()

    texts, lengths = np.array(["w1 w2"] * 20), np.ones(20, int)
    list(data.bucketed_dataset(texts, tokenize, lengths, 8, epochs=1, share=(1, 2)))
    assert sorted(seen) == [2, 4, 4]


@pytest.mark.filterwarnings("error:.*ran out of data")
def test_fit_evaluate_and_predict_take_what_two_replicas_get(mirrored):
    with mirrored.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        model.compile("sgd", "mse")
    rows = tf.data.Dataset.from_tensor_slices((tf.reshape(tf.range(8.0), (8, 1)), tf.zeros((8, 1))))
    train = batches(rows.repeat().batch(4, drop_remainder=True), mirrored)
    history = model.fit(
        train, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0, validation_data=batches(rows.batch(4), mirrored)
    )
    assert len(history.history["val_loss"]) == 2
    predicted = model.predict(batches(rows.batch(4).map(lambda x, y: x), mirrored), verbose=0)
    kernel = float(np.asarray(model.get_weights()[0]).squeeze())
    np.testing.assert_allclose(predicted.ravel(), kernel * np.arange(8.0), rtol=1e-6)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([1, 2], r"must be a tf\.data\.Dataset of batches, or a function of a share.*Received: \[1, 2\]"),
        (lambda share: share, r"Received: a function that made \(0, 1\)"),
        (tf.data.Dataset.range(4), "a row for each example.*Put the data set in batches"),
    ],
    ids=["a list", "a function of something else", "no batches"],
)
def test_what_cannot_be_shared_out_is_refused(dataset, message):
    with pytest.raises(ValueError, match=message):
        batches(dataset, tf.distribute.get_strategy())


def test_a_batch_with_fewer_rows_than_replicas_is_refused_where_sizes_are_asked_for():
    assert replica_batch_sizes(10, simulated(2, 2, 0)) == [3, 3, 2, 2]
    with pytest.raises(ValueError, match="A batch of 3 rows leaves some of 4 replicas without work"):
        replica_batch_sizes(3, simulated(2, 2, 0))
