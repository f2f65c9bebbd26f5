"""Windows over long rows: nothing is lost, and every token is answered where it has most context."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.text import cut_windows, join_windows

LENGTHS = [0, 1, 5, 6, 7, 23, 24, 25, 0]
settings = pytest.mark.parametrize(("size", "overlap"), [(6, 0), (6, 2), (6, 5), (1, 0), (30, 7)])


def rows_of(lengths):
    return tf.RaggedTensor.from_row_lengths(tf.range(sum(lengths)), lengths)


@settings
def test_joined_windows_are_the_rows_again(size, overlap):
    ids = rows_of(LENGTHS)
    windows, rows, starts = cut_windows(ids, size, overlap)
    assert join_windows(windows, rows, starts, ids.row_lengths()).to_list() == ids.to_list()


@settings
def test_windows_are_stretches_of_their_rows_of_the_full_size(size, overlap):
    ids = rows_of(LENGTHS)
    windows, rows, starts = cut_windows(ids, size, overlap)
    for window, row, start in zip(windows.to_list(), rows.numpy(), starts.numpy(), strict=True):
        whole = ids[row].numpy().tolist()
        assert window == whole[start : start + size]
        assert len(window) == min(size, len(whole))


@settings
def test_neighbouring_windows_of_a_row_share_the_overlap_or_more(size, overlap):
    _, rows, starts = cut_windows(rows_of(LENGTHS), size, overlap)
    same_row = np.diff(rows) == 0
    steps = np.diff(starts)[same_row]
    assert np.all((steps > 0) & (steps <= size - overlap))


def test_each_token_is_answered_by_the_window_that_cuts_it_off_least():
    # Every window answers with its own number; expected by going over all windows of each token.
    size, overlap, length = 6, 3, 25
    windows, rows, starts = cut_windows(rows_of([length]), size, overlap)
    numbers = windows.with_values(tf.cast(windows.value_rowids(), tf.int32))
    got = join_windows(numbers, rows, starts, [length]).to_list()[0]
    starts = starts.numpy().tolist()
    expected = []
    for token in range(length):
        best = []
        for number, start in enumerate(starts):
            if start <= token < start + size:
                left = token - start if start else np.inf
                right = start + size - 1 - token if start + size < length else np.inf
                best.append((min(left, right), -number))
        expected.append(-max(best)[1])
    assert got == expected


def test_answers_may_be_vectors():
    ids = rows_of([7, 2])
    windows, rows, starts = cut_windows(ids, 4, 1)
    vectors = windows.with_values(tf.one_hot(windows.values, 9))
    joined = join_windows(vectors, rows, starts, ids.row_lengths())
    np.testing.assert_array_equal(joined.values, np.eye(9))


@pytest.mark.parametrize(("size", "overlap"), [(4, 4), (0, 0), (4, -1)])
def test_an_overlap_as_large_as_the_window_is_refused(size, overlap):
    with pytest.raises(ValueError, match="`overlap` must be 0 or more and smaller than `size`"):
        cut_windows(rows_of([3]), size, overlap)
