"""Batches for pretraining hold what was drawn, follow from the seed alone, and train a model under plain fit."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from data_corpora import numbered_corpus

from keras_bert_layers.data import (
    TokenizedDocuments,
    full_sentences,
    masked_lm_dataset,
    pretraining_dataset,
    sentence_pairs,
)
from keras_bert_layers.text import BertTokenizer, MaskedLMMasker

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = BertTokenizer([*SPECIAL, *(f"w{number}" for number in range(5000))])
PAD, CLS, SEP = TOKENIZER.pad_id, TOKENIZER.cls_id, TOKENIZER.sep_id
NUMBERED = numbered_corpus()
CORPUS = TokenizedDocuments(NUMBERED.tokens + len(SPECIAL), NUMBERED.sentence_starts, NUMBERED.document_starts)
SHAPE = {"sequence_length": 32, "batch_size": 8}


def tell_the_stream(features, example_index, epoch):
    """A masker whose "hidden ids" are the epoch and the example index that it was given."""
    told = tf.stack([tf.fill(tf.shape(example_index), epoch), example_index], axis=1)
    weights = tf.ones_like(told, tf.float32)
    return {**features, "mask_positions": tf.ones_like(told, tf.int32), "mask_ids": told, "mask_weights": weights}


def pairs_dataset(corpus=CORPUS, **arguments):
    return pretraining_dataset(corpus, TOKENIZER, tell_the_stream, **{**SHAPE, **arguments})


def singles_dataset(corpus=CORPUS, **arguments):
    return masked_lm_dataset(corpus, TOKENIZER, tell_the_stream, **{**SHAPE, **arguments})


both = pytest.mark.parametrize("dataset_of", [pairs_dataset, singles_dataset])


def hidden_ids(dataset):
    """Per batch, the rows of (epoch, example index)."""
    targets = [y["masked_lm"] if isinstance(y, dict) else y for _, y, _ in dataset]
    return [batch.numpy() for batch in targets]


def same(one, other):
    return all(
        np.array_equal(a, b)
        for left, right in itertools.zip_longest(one, other)
        for a, b in zip(tf.nest.flatten(left), tf.nest.flatten(right), strict=True)
    )


def test_every_pair_is_packed_with_its_label_whatever_the_order():
    pairs = sentence_pairs(CORPUS, 32, seed=5, epoch=2)
    seen = []
    for x, y, weight in pairs_dataset(seed=5, start_epoch=2, epochs=1, drop_remainder=False):
        for row, index in enumerate(y["masked_lm"][:, 1].numpy()):
            a, b = (CORPUS.tokens[slice(*span[index])].tolist() for span in (pairs.first, pairs.second))
            expected = [CLS, *a, SEP, *b, SEP]
            padding = [0] * (32 - len(expected))
            assert x["token_ids"][row].numpy().tolist() == expected + [PAD] * len(padding)
            assert x["segment_ids"][row].numpy().tolist() == [0] * (len(a) + 2) + [1] * (len(b) + 1) + padding
            assert x["padding_mask"][row].numpy().tolist() == [1] * len(expected) + padding
            assert y["next_sentence"][row] == pairs.labels[index]
            seen.append(index)
        assert weight["next_sentence"].numpy().tolist() == [1.0] * len(y["next_sentence"])
        assert weight["masked_lm"].shape == y["masked_lm"].shape
    assert sorted(seen) == list(range(len(pairs)))


def test_every_single_segment_is_packed():
    spans = full_sentences(CORPUS, 32, seed=5)
    seen = []
    for x, y, _ in singles_dataset(seed=5, epochs=1, drop_remainder=False):
        for row, index in enumerate(y[:, 1].numpy()):
            expected = [CLS, *CORPUS.tokens[slice(*spans[index])].tolist(), SEP]
            assert x["token_ids"][row].numpy().tolist() == expected + [PAD] * (32 - len(expected))
            seen.append(index)
        assert not x["segment_ids"].numpy().any()
    assert sorted(seen) == list(range(len(spans)))


@both
def test_dtypes_and_static_shapes(dataset_of):
    x, y, weight = dataset_of().element_spec
    assert {name: spec.dtype.name for name, spec in x.items()} == dict.fromkeys(
        ["token_ids", "segment_ids", "padding_mask", "mask_positions"], "int32"
    )
    assert all(x[name].shape == (8, 32) for name in ("token_ids", "segment_ids", "padding_mask"))
    assert {spec.dtype.name for spec in tf.nest.flatten(weight)} == {"float32"}
    assert tf.nest.flatten(y)[0].shape[0] == 8


@both
def test_epochs_run_back_to_back_each_with_its_own_order(dataset_of):
    rows = np.concatenate(hidden_ids(dataset_of(epochs=3, start_epoch=4, drop_remainder=False)))
    assert np.unique(rows[:, 0]).tolist() == [4, 5, 6]
    assert (np.diff(rows[:, 0]) >= 0).all()
    orders = [rows[rows[:, 0] == epoch, 1] for epoch in (4, 5, 6)]
    for order in orders:
        assert sorted(order) == list(range(len(order)))
        assert (order != np.sort(order)).any()
    assert orders[0][:20].tolist() != orders[1][:20].tolist()


@both
def test_without_shuffle_the_examples_keep_the_order_of_the_documents(dataset_of):
    rows = np.concatenate(hidden_ids(dataset_of(epochs=1, shuffle=False, drop_remainder=False)))
    assert rows[:, 1].tolist() == list(range(len(rows)))


@both
@pytest.mark.parametrize("drop_remainder", [True, False])
def test_a_finite_data_set_knows_its_length(dataset_of, drop_remainder):
    dataset = dataset_of(epochs=2, drop_remainder=drop_remainder)
    batches = hidden_ids(dataset)
    assert len(dataset) == len(batches)
    assert {len(batch) for batch in batches} == {8} or not drop_remainder
    assert all(len(np.unique(batch[:, 0])) == 1 for batch in batches)  # epochs share no batch


@both
def test_an_endless_data_set_says_so_and_passes_into_the_next_epochs(dataset_of):
    dataset = dataset_of()
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    finite = dataset_of(epochs=2)
    assert same(dataset.take(len(finite)), finite)
    assert hidden_ids(dataset.skip(len(finite)).take(1))[0][0, 0] == 2


@both
def test_start_epoch_goes_on_where_an_earlier_run_stopped(dataset_of):
    first, rest, whole = dataset_of(epochs=1), dataset_of(epochs=2, start_epoch=1), dataset_of(epochs=3)
    assert same(first.concatenate(rest), whole)


@both
def test_the_seed_alone_determines_the_batches(dataset_of):
    one, again, other = (list(dataset_of(epochs=1, seed=seed)) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one[:5], other[:5])


@both
def test_a_single_thread_gives_the_same_batches(dataset_of):
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    options.autotune.enabled = False
    assert same(dataset_of(epochs=2).with_options(options), dataset_of(epochs=2))


@both
def test_longest_pads_to_the_longest_row_of_the_batch(dataset_of):
    widths = set()
    for x, _, _ in dataset_of(epochs=1, padding="longest", sequence_length=64, batch_size=2):
        assert x["padding_mask"].numpy().sum(axis=1).max() == x["token_ids"].shape[1]
        widths.add(x["token_ids"].shape[1])
    assert len(widths) > 1


def test_text_and_tokenised_documents_give_the_same_batches():
    texts, lists = [["w1 w2", "w3"], ["w4 w5 w6", "w7", "w8"]], [[[6, 7], [8]], [[9, 10, 11], [12], [13]]]
    arguments = {"batch_size": 2, "epochs": 2}
    assert same(pairs_dataset(texts, **arguments), pairs_dataset(TokenizedDocuments.from_lists(lists), **arguments))


def test_the_hidden_ids_restore_what_was_masked():
    masker = MaskedLMMasker(TOKENIZER, max_predictions=5)
    spans = full_sentences(CORPUS, 32)
    dataset = masked_lm_dataset(CORPUS, TOKENIZER, masker, **SHAPE, epochs=1, shuffle=False, drop_remainder=False)
    restored, masked = [], 0
    for x, y, weight in dataset:
        token_ids = x["token_ids"].numpy()
        masked += (token_ids == TOKENIZER.mask_id).sum()
        row, slot = np.nonzero(weight.numpy())
        token_ids[row, x["mask_positions"].numpy()[row, slot]] = y.numpy()[row, slot]
        restored += [ids[ids != PAD].tolist() for ids in token_ids]
    assert masked > len(spans)
    assert restored == [[CLS, *CORPUS.tokens[slice(*span)].tolist(), SEP] for span in spans]


def test_masks_are_new_in_each_epoch_and_the_same_in_each_run():
    corpus = TokenizedDocuments.from_lists([[[5, 6, 7, 8, 9, 10, 11, 12]] * 3] * 4)
    masker = MaskedLMMasker(TOKENIZER, max_predictions=5)
    arguments = {**SHAPE, "batch_size": 4, "shuffle": False, "short_sequence_probability": 0.0, "epochs": 2}
    runs = [list(masked_lm_dataset(corpus, TOKENIZER, masker, **arguments)) for _ in range(2)]
    assert same(*runs)
    first, second = (x["mask_positions"].numpy() for x, _, _ in runs[0])
    assert (first != second).any()


def test_a_model_trains_on_it_under_fit():
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("token_ids", "segment_ids")}
    inputs |= {name: keras.Input((None,), dtype="int32", name=name) for name in ("padding_mask", "mask_positions")}
    hidden = keras.layers.Embedding(5005, 4)(inputs["token_ids"])
    outputs = {
        "masked_lm": keras.layers.Dense(2000)(hidden[:, :2]),
        "next_sentence": keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(hidden)),
    }
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"masked_lm": loss, "next_sentence": loss})
    history = model.fit(
        pairs_dataset(), steps_per_epoch=3, epochs=2, validation_data=pairs_dataset(epochs=1), verbose=0
    )
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(history.history["val_loss"]).all()


@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` and `epochs` must be positive.*batch_size=0"),
        ({"epochs": 0}, "epochs=0"),
        ({"start_epoch": -1}, "start_epoch=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"sequence_length": 2}, "`sequence_length` must be at least"),
        ({"short_sequence_probability": 2.0}, "`short_sequence_probability` must be in"),
        ({"padding": "none"}, "`padding` must be one of"),
        ({"batch_size": 100_000}, "less than one batch of 100000"),
    ],
)
def test_arguments_out_of_range_are_refused(dataset_of, arguments, message):
    with pytest.raises(ValueError, match=message):
        dataset_of(**arguments)


def test_one_document_serves_single_segments_and_is_refused_for_pairs():
    one = TokenizedDocuments.from_lists([[[7, 8], [9]]])
    assert len(singles_dataset(one, batch_size=1, epochs=1)) >= 1
    with pytest.raises(ValueError, match="at least two documents"):
        pairs_dataset(one, batch_size=1)
