"""MaskedLMMasker: what is chosen, what it becomes, and that nothing but seed, epoch and index decides."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.text import BertTokenizer, MaskedLMMasker
from keras_bert_layers.text.counter_random import random_bits, uniform
from keras_bert_layers.text.mask_selection import _span_lengths

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<E>"]
WORDS, PIECES = [f"w{n}" for n in range(20)], [f"##p{n}" for n in range(10)]
TOKENIZER = BertTokenizer([*SPECIALS, *WORDS, *PIECES], special_tokens=["<E>"])
NEVER_CHOSEN = [0, 2, 3, 4, 5]
FIRST_PIECE = len(SPECIALS) + len(WORDS)

strategies = pytest.mark.parametrize("strategy", ["token", "whole_word", "span"])


def examples(count, length, seed=0):
    """Rows [CLS] words and pieces [SEP], each of another length, with a special token in the middle of some."""
    draw = np.random.default_rng(seed)
    token_ids = np.zeros((count, length), "int32")
    for row in token_ids:
        size = draw.integers(2, length + 1)
        words = draw.integers(1, TOKENIZER.vocabulary_size, size)
        words[np.isin(words, NEVER_CHOSEN) & (draw.random(size) < 0.8)] = 7
        row[:size] = words
        row[[0, size - 1]] = 2, 3
    return {"token_ids": tf.constant(token_ids), "padding_mask": tf.constant((token_ids > 0).astype("int32"))}


def masker(strategy="token", **arguments):
    return MaskedLMMasker(TOKENIZER, strategy=strategy, **{"seed": 1, **arguments})


def arrays(features):
    return {name: np.asarray(value) for name, value in features.items()}


def chosen(masked):
    """bool [B, S] from `mask_positions`."""
    positions = masked["mask_positions"]
    flags = np.zeros(masked["token_ids"].shape, bool)
    rows, columns = np.nonzero(positions >= 0)
    flags[rows, positions[rows, columns]] = True
    return flags


def words_of(token_ids, padding):
    """Lists of positions: a token that may be chosen with the pieces behind it."""
    words = []
    for position, token in enumerate(token_ids):
        if token in NEVER_CHOSEN or not padding[position]:
            continue
        if token >= FIRST_PIECE and words and words[-1][-1] == position - 1:
            words[-1].append(position)
        else:
            words.append([position])
    return words


def traced(mask, features):
    """The graph of `mask` for a batch with the given specs of features."""

    def call(features, example_index):
        return mask(features, example_index)

    return tf.function(call).get_concrete_function(features, tf.TensorSpec([None], tf.int64))


def within_five_deviations(successes, trials, probability):
    return abs(successes - trials * probability) <= 5 * math.sqrt(trials * probability * (1 - probability))


def test_the_generator_is_splitmix64():
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert random_bits(tf.constant(0, tf.uint64), 0, tf.constant([1, 2, 3])).numpy().tolist() == expected


def test_uniform_draws_fill_the_unit_interval_evenly():
    draws = uniform(random_bits(tf.constant(5, tf.uint64), 3, tf.range(100_000))).numpy()
    counts = np.bincount((draws * 20).astype(int), minlength=20)
    assert len(counts) == 20
    assert all(within_five_deviations(count, 100_000, 1 / 20) for count in counts)


@strategies
def test_outputs_agree_with_each_other_and_with_the_input(strategy):
    before = arrays(examples(64, 50))
    masked = arrays(masker(strategy)({**before, "segment_ids": before["padding_mask"]}, np.arange(64)))
    real = masked["mask_positions"] >= 0
    assert masked["mask_positions"].shape == (64, 8)
    np.testing.assert_array_equal(masked["mask_weights"], real)
    np.testing.assert_array_equal(masked["mask_ids"][~real], 0)
    assert (masked["mask_positions"][~real] == -1).all()
    originals = np.take_along_axis(before["token_ids"], np.maximum(masked["mask_positions"], 0), axis=1)
    np.testing.assert_array_equal(masked["mask_ids"][real], originals[real])
    ascending = np.where(real, masked["mask_positions"], 10**6)
    assert all((np.diff(row[row < 10**6]) > 0).all() for row in ascending)
    assert (np.sort(ascending, axis=1) == ascending).all()
    unchosen = ~chosen(masked)
    np.testing.assert_array_equal(masked["token_ids"][unchosen], before["token_ids"][unchosen])
    np.testing.assert_array_equal(masked["segment_ids"], before["padding_mask"])
    types = {name: value.dtype.name for name, value in masked.items()}
    assert types.pop("mask_weights") == "float32"
    assert set(types.values()) == {"int32"}


@pytest.mark.parametrize("rate", [0.15, 0.5, 0.9])
@pytest.mark.parametrize("limit", [None, 3])
def test_the_token_strategy_chooses_the_rounded_share_of_what_may_be_chosen(rate, limit):
    features = arrays(examples(100, 40, seed=2))
    masked = arrays(masker(mask_rate=rate, max_predictions=limit)(features, np.arange(100)))
    maskable = (~np.isin(features["token_ids"], NEVER_CHOSEN)).sum(axis=1)
    expected = [min(max(1, round(rate * count)), limit or 40) if count else 0 for count in maskable.tolist()]
    assert masked["mask_weights"].sum(axis=1).tolist() == expected
    assert 0 in maskable


@pytest.mark.parametrize("strategy", ["whole_word", "span"])
@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_words_are_chosen_whole_and_within_the_budget(strategy, rate):
    features = arrays(examples(200, 60, seed=3))
    flags = chosen(arrays(masker(strategy, mask_rate=rate)(features, np.arange(200))))
    split = over = 0
    for row, ids, padding in zip(flags, features["token_ids"], features["padding_mask"], strict=True):
        words = words_of(ids, padding)
        budget = max(1, round(rate * sum(map(len, words))))
        split += any(row[word].any() and not row[word].all() for word in words)
        over += row.sum() > budget
    assert (split, over) == (0, 0)
    assert flags.sum() > 0.8 * rate * features["padding_mask"].sum()


def test_the_whole_word_strategy_leaves_no_word_that_would_still_fit():
    features = arrays(examples(200, 60, seed=4))
    flags = chosen(arrays(masker("whole_word")(features, np.arange(200))))
    for row, ids, padding in zip(flags, features["token_ids"], features["padding_mask"], strict=True):
        words = words_of(ids, padding)
        left = (max(1, round(0.15 * sum(map(len, words)))) if words else 0) - row.sum()
        assert not [word for word in words if len(word) <= left and not row[word].any()]


def test_span_lengths_follow_the_truncated_geometric_distribution():
    lengths = _span_lengths(random_bits(tf.constant(7, tf.uint64), 9, tf.range(400)), 500).numpy()
    probabilities = 0.2 * 0.8 ** np.arange(10) / (1 - 0.8**10)
    counts = np.bincount(lengths.ravel(), minlength=11)
    assert counts[0] == 0
    assert len(counts) == 11
    assert all(
        within_five_deviations(count, lengths.size, p) for count, p in zip(counts[1:], probabilities, strict=True)
    )
    assert lengths.mean() == pytest.approx(3.8, abs=0.05)


def plain_rows(count, length):
    """Rows of whole words only, without padding."""
    draw = np.random.default_rng(5)
    token_ids = draw.integers(len(SPECIALS), FIRST_PIECE, (count, length)).astype("int32")
    token_ids[:, 0], token_ids[:, -1] = 2, 3
    return {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}


def test_spans_make_longer_runs_than_tokens_do():
    features = plain_rows(200, 128)

    def mean_run(strategy):
        flags = chosen(arrays(masker(strategy)(features, np.arange(200))))
        return flags.sum() / (flags[:, 1:] & ~flags[:, :-1]).sum()

    # Runs of single tokens at 15 % have mean 1 / 0.85; spans have mean 3.8, and join when they meet.
    assert mean_run("token") < 1.3
    assert 3.3 < mean_run("span") < 5.5


@strategies
def test_a_span_never_crosses_a_special_token_nor_takes_one(strategy):
    features = arrays(examples(300, 60, seed=6))
    masked = arrays(masker(strategy, mask_rate=0.6)(features, np.arange(300)))
    assert not np.isin(features["token_ids"][chosen(masked)], NEVER_CHOSEN).any()


def test_the_unknown_token_may_be_chosen():
    features = {"token_ids": np.full((1, 20), 1, "int32"), "padding_mask": np.ones((1, 20), "int32")}
    assert arrays(masker()(features, [0]))["mask_weights"].sum() == 3


@strategies
def test_every_position_is_chosen_equally_often_but_for_edges_of_spans(strategy):
    count, length = 4000, 42
    flags = chosen(arrays(masker(strategy)(plain_rows(count, length), np.arange(count))))
    inner = flags[:, 10:-1].sum(axis=0)
    expected = inner.sum() / (len(inner) * count)
    assert all(within_five_deviations(hits, count, expected) for hits in inner)
    if strategy != "span":
        assert all(within_five_deviations(hits, count, 6 / 40) for hits in flags[:, 1:-1].sum(axis=0))


@pytest.mark.parametrize("strategy", ["token", "whole_word"])
@pytest.mark.parametrize(("mask", "random"), [(0.8, 0.1), (0.5, 0.5), (0.0, 0.3), (1.0, 0.0)])
def test_chosen_tokens_become_mask_random_or_stay_at_the_given_rates(strategy, mask, random):
    features = plain_rows(1000, 130)
    masked = arrays(masker(strategy, mask_token_rate=mask, random_token_rate=random, seed=3)(features, np.arange(1000)))
    flags = chosen(masked)
    new, old = masked["token_ids"][flags], features["token_ids"][flags]
    # A random token is the original one in 1 of 30 draws.
    assert within_five_deviations((new == 4).sum(), len(new), mask)
    assert within_five_deviations(((new != 4) & (new != old)).sum(), len(new), random * 29 / 30)


def test_random_tokens_are_uniform_over_all_ids_that_are_not_special():
    features = plain_rows(1000, 130)
    masked = arrays(masker(mask_token_rate=0.0, random_token_rate=1.0)(features, np.arange(1000)))
    counts = np.bincount(masked["token_ids"][chosen(masked)], minlength=TOKENIZER.vocabulary_size)
    assert counts[: len(SPECIALS)].sum() == 0
    assert all(within_five_deviations(count, counts.sum(), 1 / 30) for count in counts[len(SPECIALS) :])


def test_a_span_is_replaced_as_one():
    features = plain_rows(500, 128)
    rates = {"mask_token_rate": 0.5, "random_token_rate": 0.0}

    def share_of_neighbours_treated_alike(strategy):
        masked = arrays(masker(strategy, **rates)(features, np.arange(500)))
        flags, is_mask = chosen(masked), masked["token_ids"] == 4
        neighbours = flags[:, 1:] & flags[:, :-1]
        return (is_mask[:, 1:] == is_mask[:, :-1])[neighbours].mean()

    assert share_of_neighbours_treated_alike("token") == pytest.approx(0.5, abs=0.05)
    # Only where two spans touch may neighbours differ.
    assert share_of_neighbours_treated_alike("span") > 0.85
    masked = arrays(masker("span", seed=3)(features, np.arange(500)))
    share = (masked["token_ids"][chosen(masked)] == 4).mean()
    assert share == pytest.approx(0.8, abs=0.04)


@strategies
def test_batching_padding_graphs_and_parallel_maps_change_nothing(strategy):
    features = examples(24, 40, seed=8)
    index = tf.range(100, 124, dtype=tf.int64)
    mask = masker(strategy, max_predictions=6)
    expected = arrays(mask(features, index))

    singly = [arrays(mask({name: value[n] for name, value in features.items()}, index[n])) for n in range(24)]
    assert all((singly[n][name] == expected[name][n]).all() for n in range(24) for name in expected)

    wider = arrays(mask({name: tf.pad(value, [[0, 0], [0, 30]]) for name, value in features.items()}, index))
    np.testing.assert_array_equal(wider.pop("token_ids")[:, :40], expected["token_ids"])
    assert all((wider[name] == expected[name]).all() for name in ("mask_positions", "mask_ids", "mask_weights"))

    unknown = {name: tf.TensorSpec([None, None], tf.int32) for name in features}
    graph = traced(mask, unknown)
    assert all((arrays(graph(features, index))[name] == expected[name]).all() for name in expected)

    dataset = tf.data.Dataset.from_tensor_slices((features, index))
    mapped = dataset.map(mask, num_parallel_calls=4, deterministic=True).batch(24)
    assert all((arrays(next(iter(mapped)))[name] == expected[name]).all() for name in expected)


@strategies
def test_the_default_number_of_places_never_limits_and_padding_changes_no_choice(strategy):
    features = arrays(examples(50, 40, seed=9))
    expected = chosen(arrays(masker(strategy)(features, np.arange(50))))
    wide = {name: np.pad(value, [(0, 0), (0, 20)]) for name, value in features.items()}
    np.testing.assert_array_equal(chosen(arrays(masker(strategy)(wide, np.arange(50))))[:, :40], expected)


def test_the_number_of_places_is_static_when_it_can_be():
    spec = {name: tf.TensorSpec([None, 40], tf.int32) for name in ("token_ids", "padding_mask")}
    graph = traced(masker(), spec)
    assert graph.structured_outputs["mask_positions"].shape.as_list() == [None, 6]
    unknown = {name: tf.TensorSpec([None, None], tf.int32) for name in spec}
    graph = traced(masker(max_predictions=9), unknown)
    assert graph.structured_outputs["mask_ids"].shape.as_list() == [None, 9]
    dynamic = traced(masker(), unknown)
    features = examples(3, 33)
    assert dynamic(features, tf.range(3, dtype=tf.int64))["mask_weights"].shape == (3, 5)


@strategies
def test_seeds_epochs_and_indices_give_different_masks(strategy):
    features = plain_rows(1, 128)
    variants = itertools.product((1, 2**63 + 1), (0, 1), (0, 1))
    positions = {
        tuple(arrays(masker(strategy, seed=seed)(features, [index], epoch=epoch))["mask_positions"][0])
        for seed, epoch, index in variants
    }
    assert len(positions) == 8


def test_an_epoch_may_be_a_tensor():
    features = plain_rows(2, 30)
    expected = arrays(masker()(features, [0, 1], epoch=5))["token_ids"]
    np.testing.assert_array_equal(masker()(features, [0, 1], epoch=tf.constant(5, tf.int64))["token_ids"], expected)


def test_a_masker_from_config_masks_alike():
    arguments = {"mask_rate": 0.3, "mask_token_rate": 0.6, "random_token_rate": 0.2, "max_predictions": 4, "seed": 9}
    first = masker("span", **arguments)
    second = MaskedLMMasker.from_config(first.get_config())
    assert second.get_config() == first.get_config()
    features = examples(8, 30)
    np.testing.assert_array_equal(second(features, range(8))["token_ids"], first(features, range(8))["token_ids"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_rate": 0.0}, "between 0 and 1. Received: 0.0"),
        ({"mask_rate": 1.0}, "between 0 and 1. Received: 1.0"),
        ({"strategy": "words"}, "'token', 'whole_word', 'span'.*Received: 'words'"),
        ({"mask_token_rate": 0.8, "random_token_rate": 0.3}, "together at most 1"),
        ({"random_token_rate": -0.1}, "not be negative"),
        ({"max_predictions": 0}, "positive number"),
        ({"tokenizer": BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "x"])}, r"no \[MASK\]"),
        ({"tokenizer": BertTokenizer(SPECIALS[:5])}, "special tokens only"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaskedLMMasker(**{"tokenizer": TOKENIZER, **arguments})


@pytest.mark.parametrize(
    ("features", "index", "message"),
    [
        ({"token_ids": [[1]]}, [0], "lacks padding_mask. It has: token_ids"),
        ({"token_ids": [[1]], "padding_mask": [[1]]}, 0, r"Received: \(1, 1\), \(1, 1\) and \(\)"),
        ({"token_ids": [1], "padding_mask": [1]}, [0], r"Received: \(1,\), \(1,\) and \(1,\)"),
        ({"token_ids": [[1]], "padding_mask": [1]}, [0], r"Received: \(1, 1\), \(1,\) and \(1,\)"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(features, index, message):
    with pytest.raises(ValueError, match=message):
        masker()(features, index)


def test_words_can_be_told_by_the_features_instead_of_the_vocabulary():
    tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
    masker = MaskedLMMasker(tokenizer, mask_rate=0.3, strategy="whole_word", mask_token_rate=1.0, random_token_rate=0.0)
    token_ids = tf.constant([[2, *range(5, 13), 3]])
    continues = tf.constant([[0, 0, 1, 0, 1, 0, 1, 0, 1, 0]])
    features = {"token_ids": token_ids, "padding_mask": tf.ones_like(token_ids), "continues": continues}
    for index in range(20):
        positions = masker(features, [index])["mask_positions"].numpy()[0]
        chosen = set(positions[positions >= 0].tolist())
        # Words are the pairs (1, 2), (3, 4), ...: each is chosen whole.
        assert chosen == {position + offset for position in chosen for offset in ((0, 1) if position % 2 else (-1, 0))}
        assert len(chosen) == 2
