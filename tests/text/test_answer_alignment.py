"""Answers as tokens of windows, and back as text."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers.text import BertTokenizer, QuestionPreprocessor, answer_positions, answer_texts

#          0         1         2         3
#          0123456789012345678901234567890123456
CONTEXT = "the films is very good. the film is bad"
WINDOWS = QuestionPreprocessor(BertTokenizer(tiny.VOCABULARY), sequence_length=9, stride=2, max_question_length=1)(
    ("good", CONTEXT)
)


def align(answer_start, answer_end):
    count = len(WINDOWS["token_ids"])
    aligned = answer_positions(WINDOWS["starts"], WINDOWS["ends"], [answer_start] * count, [answer_end] * count)
    return [value.numpy() for value in aligned]


def aligned_by_loop(row, answer_start, answer_end):
    """As the definition says, for one window."""
    starts, ends = WINDOWS["starts"].numpy()[row], WINDOWS["ends"].numpy()[row]
    inside = [i for i in range(len(starts)) if starts[i] >= 0]
    if answer_start < 0 or starts[inside[0]] > answer_start or ends[inside[-1]] < answer_end:
        return 0, 0, 0
    shared = [i for i in inside if max(starts[i], answer_start) < min(ends[i], answer_end)]
    return (shared[0], shared[-1], 1) if shared else (0, 0, 0)


def test_positions_are_those_of_a_loop_for_every_span_of_the_text():
    assert len(WINDOWS["token_ids"]) > 2
    for begin in range(-1, len(CONTEXT)):
        for end in range(begin + 1, len(CONTEXT) + 1):
            expected = [aligned_by_loop(row, begin, end) for row in range(len(WINDOWS["token_ids"]))]
            assert [*zip(*align(begin, end), strict=True)] == expected


@pytest.mark.parametrize(
    ("answer", "covered"),
    [
        ("the", "the"),
        ("films", "films"),
        ("is very", "is very"),
        ("ilm", "film"),
        ("ood. t", "good. the"),
    ],
)
def test_the_tokens_are_the_smallest_run_around_the_answer(answer, covered):
    begin = CONTEXT.index(answer)
    start, end, is_inside = align(begin, begin + len(answer))
    row = np.argmax(is_inside)
    assert is_inside[row] == 1
    assert CONTEXT[WINDOWS["starts"][row, start[row]] : WINDOWS["ends"][row, end[row]]] == covered


def test_an_answer_that_no_window_holds_whole_is_at_cls_everywhere():
    assert [value.tolist() for value in align(0, len(CONTEXT))] == [[0] * len(WINDOWS["token_ids"])] * 3


def test_an_answer_without_a_token_is_at_cls():
    assert not align(3, 4)[2].any()  # the space between two words


def test_answers_are_cut_from_texts_by_characters():
    contexts = ["Zoë 🐈 sat", "中国人"]
    starts, ends = np.array([[4, 0, 0], [1, 0, 3]]), np.array([[5, 9, 0], [2, 3, 3]])
    expected = [[contexts[b][i:j] for i, j in zip(starts[b], ends[b], strict=True)] for b in range(2)]
    for cut in (answer_texts, tf.function(answer_texts)):
        texts = cut(tf.constant(contexts), tf.constant(starts), tf.constant(ends)).numpy()
        assert [[text.decode() for text in row] for row in texts] == expected


def test_no_answer_of_an_empty_text_is_empty():
    assert answer_texts([""], [[0]], [[0]]).numpy().tolist() == [[b""]]
