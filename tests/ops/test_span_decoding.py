"""The best answers of windows: against loops in NumPy."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.ops import best_spans, merge_spans, span_probabilities

W, S = 4, 13


def logits(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def mask(seed):
    return (np.random.default_rng(seed).random((W, S)) < 0.7).astype("int32")


def spans_by_loop(start, end, allowed, longest):
    """Every answer of one window, best first."""
    found = []
    for i, j in itertools.product(range(len(start)), repeat=2):
        if i <= j < i + longest and allowed[i] and allowed[j]:
            found.append((float(start[i] + end[j]), i, j))
    return sorted(found, key=lambda span: (-span[0], span[1], span[2]))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("longest", "top_k"), [(1, 1), (3, 5), (13, 20), (30, 200)])
def test_best_spans_are_those_of_a_loop_over_all_pairs(longest, top_k, compiled):
    start, end, allowed = logits(0, W, S), logits(1, W, S), mask(2)
    allowed[3] = 0
    decode = tf.function(best_spans, jit_compile=True) if compiled else best_spans
    scores, starts, ends = (np.asarray(value) for value in decode(start, end, allowed, longest, top_k))
    assert scores.shape == starts.shape == ends.shape == (W, top_k)
    for w in range(W):
        expected = spans_by_loop(start[w], end[w], allowed[w], longest)[:top_k]
        count = len(expected)
        np.testing.assert_allclose(scores[w, :count], [span[0] for span in expected], rtol=1e-6)
        assert [*zip(starts[w, :count], ends[w, :count], strict=True)] == [span[1:] for span in expected]
        assert set(scores[w, count:]) <= {np.float32(-1e9)}
        assert not starts[w, count:].any()
        assert not ends[w, count:].any()


def test_of_equal_spans_the_first_and_then_the_shorter_is_best():
    _, starts, ends = best_spans(np.zeros((1, 4)), np.zeros((1, 4)), np.array([[0, 1, 1, 1]]), 2, 4)
    assert [*zip(starts[0].numpy(), ends[0].numpy(), strict=True)] == [(1, 1), (1, 2), (2, 2), (2, 3)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_scores_of_half_precision_are_added_in_float32(dtype):
    start, end = (keras.ops.cast(logits(seed, W, S), dtype) for seed in (0, 1))
    scores, _, _ = best_spans(start, end, mask(2))
    expected, _, _ = best_spans(keras.ops.cast(start, "float32"), keras.ops.cast(end, "float32"), mask(2))
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("wrong", [{"max_answer_length": 0}, {"top_k": 0}])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match="must be 1 or more"):
        best_spans(logits(0, W, S), logits(1, W, S), mask(2), **wrong)


def test_logits_of_another_rank_are_refused():
    with pytest.raises(ValueError, match=r"shape \[windows, length\].*\(4, 13, 1\)"):
        best_spans(logits(0, W, S, 1), logits(1, W, S), mask(2))


def merged_by_loop(scores, starts, ends, nulls, owners, num_examples, top_k):
    merged = []
    for example in range(num_examples):
        best = {}
        for w in np.flatnonzero(owners == example):
            for score, *span in zip(scores[w], starts[w], ends[w], strict=True):
                if score > -1e8:
                    best[tuple(span)] = max(score, best.get(tuple(span), -np.inf))
        ranked = sorted(((score, *span) for span, score in best.items()), reverse=True)[:top_k]
        merged.append((ranked, min(nulls[owners == example])))
    return merged


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("top_k", [None, 1, 9, 40])
def test_merged_windows_are_those_of_a_loop_over_the_windows_of_each_example(top_k, compiled):
    owners = np.array([2, 0, 1, 0, 0, 2], "int32")
    generator = np.random.default_rng(0)
    scores, nulls = logits(3, 6, 7), logits(4, 6)
    # So few different places that windows of an example find the same answers; a window without any; and large offsets.
    starts = generator.integers(0, 3, (6, 7)) * 100_000
    ends = starts + generator.integers(1, 3, (6, 7))
    scores[2, :], starts[2, :], ends[2, :] = -1e9, 0, 0
    arguments = (scores, starts.astype("int32"), ends.astype("int32"), nulls, owners)
    merge = tf.function(merge_spans, jit_compile=True) if compiled else merge_spans
    merged = [np.asarray(value) for value in merge(*arguments, 3, top_k)]
    assert merged[0].shape == (3, top_k or 7)
    for example, (ranked, null) in enumerate(merged_by_loop(scores, starts, ends, nulls, owners, 3, top_k or 7)):
        found = [column[example][: len(ranked)].tolist() for column in merged[:3]]
        assert [*zip(*found, strict=True)] == ranked
        assert all(score == np.float32(-1e9) for score in merged[0][example][len(ranked) :])
        assert merged[3][example] == np.float32(null)


def test_the_examples_of_a_graph_may_be_counted_in_the_graph():
    @tf.function(input_signature=[tf.TensorSpec((None, 2)), tf.TensorSpec((None,), tf.int32)])
    def merge(scores, owners):
        starts = tf.zeros(tf.shape(scores), tf.int32)
        return merge_spans(
            scores, starts, starts + tf.constant([1, 2]), scores[:, 0], owners, tf.reduce_max(owners) + 1
        )

    scores, _, ends, nulls = merge(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([0, 1]))
    assert scores.numpy().tolist() == [[2, 1], [4, 3]]
    assert ends.numpy().tolist() == [[2, 1], [2, 1]]
    assert nulls.numpy().tolist() == [1, 3]


def test_probabilities_are_a_softmax_over_the_answers_that_are_there():
    scores = np.array([[2.0, 1.0, -1e9], [0.0, -1e9, -1e9]])
    weights = np.exp([2.0, 1.0])
    np.testing.assert_allclose(span_probabilities(scores), [[*weights / weights.sum(), 0], [1, 0, 0]], rtol=1e-6)


def test_probabilities_with_no_answer_put_it_last():
    weights = np.exp([2.0, 1.0, 1.5])
    probabilities = span_probabilities(np.array([[2.0, 1.0]]), np.array([1.5]))
    np.testing.assert_allclose(probabilities, [weights / weights.sum()], rtol=1e-6)


def test_a_list_without_answers_has_no_probability():
    assert span_probabilities(np.full((1, 3), -1e9)).numpy().tolist() == [[0, 0, 0]]
