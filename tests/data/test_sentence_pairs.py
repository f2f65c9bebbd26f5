"""Next-sentence examples mean what their labels say, and depend on the seed alone."""

import random

import numpy as np
import pytest
from data_corpora import document_of, numbered_corpus

from keras_bert_layers.data import TokenizedDocuments, sentence_pairs
from keras_bert_layers.data.sentence_pairs import _truncate

CORPUS = numbered_corpus()


def lengths(pairs):
    return np.diff(pairs.first)[:, 0], np.diff(pairs.second)[:, 0]


def joined(pairs):
    return np.concatenate([pairs.first, pairs.second, pairs.labels[:, None]], axis=1)


@pytest.mark.parametrize("sequence_length", [5, 16, 64, 100_000])
def test_every_pair_fits_and_neither_segment_is_empty(sequence_length):
    first, second = lengths(sentence_pairs(CORPUS, sequence_length))
    assert (first + second).max() <= sequence_length - 3
    assert min(first.min(), second.min()) >= 1


@pytest.mark.parametrize("sequence_length", [16, 64])
def test_segments_stay_inside_one_document(sequence_length):
    pairs = sentence_pairs(CORPUS, sequence_length)
    for span in (pairs.first, pairs.second):
        np.testing.assert_array_equal(document_of(CORPUS, span[:, 0]), document_of(CORPUS, span[:, 1] - 1))


@pytest.mark.parametrize("sequence_length", [16, 64])
def test_label_one_has_its_second_segment_from_another_document(sequence_length):
    pairs = sentence_pairs(CORPUS, sequence_length)
    same = document_of(CORPUS, pairs.first[:, 0]) == document_of(CORPUS, pairs.second[:, 0])
    np.testing.assert_array_equal(same, pairs.labels == 0)


def test_label_zero_continues_where_the_first_segment_ends():
    pairs = sentence_pairs(CORPUS, 100_000)  # so long that nothing is truncated
    follows = pairs.labels == 0
    assert follows.sum() > 10
    np.testing.assert_array_equal(pairs.first[follows, 1], pairs.second[follows, 0])
    assert np.isin(pairs.first[follows, 1], CORPUS.sentence_starts).all()


def test_the_walk_uses_every_token_once_when_nothing_is_truncated():
    pairs = sentence_pairs(CORPUS, 100_000, short_sequence_probability=0.0)
    walked = [np.arange(*span) for span in pairs.first]
    walked += [np.arange(*span) for span in pairs.second[pairs.labels == 0]]
    np.testing.assert_array_equal(np.sort(np.concatenate(walked)), np.arange(CORPUS.num_tokens))


@pytest.mark.parametrize(
    ("rate", "low", "high"), [(0.0, 0.0, 0.0), (0.25, 0.2, 0.3), (0.5, 0.44, 0.56), (1.0, 1.0, 1.0)]
)
def test_the_share_of_true_pairs_is_the_rate(rate, low, high):
    corpus = TokenizedDocuments.from_lists([[[1] * 4] * 101] * 30)
    pairs = sentence_pairs(corpus, 19, next_sentence_rate=rate, short_sequence_probability=0.0)
    # A lone last sentence has no continuation; it is the one kind of example that no rate reaches.
    is_lone_last = pairs.first[:, 0] % 404 == 400
    assert low <= 1 - pairs.labels[~is_lone_last].mean() <= high
    assert (pairs.labels[is_lone_last] == 1).all()


def test_random_segments_begin_anywhere_in_the_other_documents():
    corpus = TokenizedDocuments.from_lists([[[1]], *[[[1]] * 9] * 2])
    counts = np.zeros(19, int)
    for epoch in range(600):
        pairs = sentence_pairs(corpus, 5, epoch=epoch, next_sentence_rate=0.0)
        counts += np.bincount(pairs.second[pairs.first[:, 0] == 0, 0], minlength=19)
    assert counts[0] == 0  # never the document itself
    assert counts[1:].sum() == 600
    assert counts[1:].min() > 12  # expected 33 each


def test_short_targets_come_at_their_probability():
    full = lengths(sentence_pairs(CORPUS, 64, short_sequence_probability=0.0))
    short = lengths(sentence_pairs(CORPUS, 64, short_sequence_probability=1.0))
    assert np.mean(short[0] + short[1]) < 0.8 * np.mean(full[0] + full[1])


@pytest.mark.parametrize("seed", range(3))
def test_truncation_leaves_the_lengths_that_google_bert_leaves(seed):
    rng = random.Random(seed)
    for _ in range(200):
        a, b, most = rng.randint(1, 30), rng.randint(1, 30), rng.randint(2, 30)
        rest_a, rest_b = list(range(a)), list(range(b))
        while len(rest_a) + len(rest_b) > most:
            longer = rest_a if len(rest_a) > len(rest_b) else rest_b
            longer.pop(0 if rng.random() < 0.5 else -1)
        ours = _truncate(np.random.default_rng(seed), (0, a), (100, 100 + b), most)
        assert [stop - start for start, stop in ours] == [len(rest_a), len(rest_b)]
        assert 0 <= ours[0][0] <= ours[0][1] <= a
        assert 100 <= ours[1][0] <= ours[1][1] <= 100 + b


def test_truncation_cuts_at_both_ends():
    cuts = [_truncate(np.random.default_rng(seed), (0, 20), (30, 34), 14)[0][0] for seed in range(50)]
    assert min(cuts) < 5 < max(cuts)


def test_the_same_seed_and_epoch_give_the_same_pairs():
    np.testing.assert_array_equal(joined(sentence_pairs(CORPUS, 32, 3, 1)), joined(sentence_pairs(CORPUS, 32, 3, 1)))


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 2}])
def test_another_seed_or_epoch_gives_other_pairs(change):
    same = {"seed": 3, "epoch": 1}
    one, other = sentence_pairs(CORPUS, 32, **same), sentence_pairs(CORPUS, 32, **same | change)
    assert len(one) != len(other) or (joined(one) != joined(other)).any()


def test_a_document_walks_alike_whatever_comes_after_it():
    longer = numbered_corpus(num_documents=41)
    assert longer.tokens[: CORPUS.num_tokens].tolist() == CORPUS.tokens.tolist()
    ours = sentence_pairs(CORPUS, 32, next_sentence_rate=1.0)
    theirs = sentence_pairs(longer, 32, next_sentence_rate=1.0)
    follows = ours.labels == 0
    np.testing.assert_array_equal(ours.first[follows], theirs.first[: len(ours)][follows])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequence_length": 4}, "`sequence_length` must be at least 5. Received: 4"),
        ({"seed": -1}, "must not be negative. Received: seed=-1"),
        ({"epoch": -1}, "epoch=-1"),
        ({"next_sentence_rate": 1.5}, r"`next_sentence_rate` must be in \[0, 1\]. Received: 1.5"),
        ({"short_sequence_probability": -0.1}, r"must be in \[0, 1\]. Received: -0.1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sentence_pairs(CORPUS, **{"sequence_length": 32, **arguments})


def test_one_document_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"at least two documents.*masked_lm_dataset"):
        sentence_pairs(TokenizedDocuments.from_lists([[[1], [2]]]), 32)


@pytest.mark.parametrize("seed", range(3))
def test_in_sentence_order_the_two_parts_always_join(seed):
    corpus = numbered_corpus(seed=seed)
    pairs = sentence_pairs(corpus, 40, seed=seed, objective="sentence_order", short_sequence_probability=0.3)
    earlier = np.where((pairs.labels == 1)[:, None], pairs.second, pairs.first)
    later = np.where((pairs.labels == 1)[:, None], pairs.first, pairs.second)
    assert (earlier[:, 0] < earlier[:, 1]).all()
    assert (later[:, 0] < later[:, 1]).all()
    # Nothing but what truncation took stands between them, and they are of one document.
    assert (earlier[:, 1] <= later[:, 0]).all()
    assert (document_of(corpus, earlier[:, 0]) == document_of(corpus, later[:, 1] - 1)).all()
    uncut = (earlier[:, 1] - earlier[:, 0]) + (later[:, 1] - later[:, 0]) < 37
    assert (earlier[:, 1] == later[:, 0])[uncut].all()


def test_half_of_the_parts_are_swapped():
    labels = sentence_pairs(numbered_corpus(num_documents=400), 40, objective="sentence_order").labels
    deviation = np.sqrt(0.25 / len(labels))
    assert abs(labels.mean() - 0.5) < 4 * deviation


def test_a_single_sentence_is_cut_inside_and_a_single_token_left_out():
    corpus = TokenizedDocuments.from_lists([[[0, 1, 2, 3]], [[4]], [[5, 6]]])
    pairs = sentence_pairs(corpus, 40, objective="sentence_order", next_sentence_rate=1.0)
    assert len(pairs) == 2
    assert pairs.first[1].tolist() == [5, 6]
    assert pairs.second[1].tolist() == [6, 7]


def test_one_document_is_enough_for_sentence_order():
    assert len(sentence_pairs(TokenizedDocuments.from_lists([[[1, 2], [3]]]), 8, objective="sentence_order")) == 1


@pytest.mark.parametrize(
    ("documents", "objective", "message"),
    [
        ([[[1]], [[2]]], "sentence_order", "No document has two tokens in a row"),
        ([[[1, 2]], [[2]]], "order", r"`objective` must be one of next_sentence, sentence_order. Received: 'order'"),
    ],
)
def test_what_gives_no_pairs_is_named(documents, objective, message):
    with pytest.raises(ValueError, match=message):
        sentence_pairs(TokenizedDocuments.from_lists(documents), 8, objective=objective)
