"""Texts longer than a model takes, in overlapping windows, and the answers for their tokens put together again."""

import tensorflow as tf

from keras_bert_layers.text.byte_offsets import row_ids


@tf.autograph.experimental.do_not_convert
def cut_windows(ids: tf.RaggedTensor, size: int, overlap: int) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
    """Each row of ids as windows of up to `size` ids, each of which begins `size - overlap` ids behind the one before.

    The last window of a row ends where the row does and is as long as the others, so it overlaps more. A row of up to
    `size` ids, also of none, is one window.

    Args:
        ids: int RaggedTensor [N, None], without special tokens.
        size: int > 0. Ids in a window: the model's length less [CLS] and [SEP].
        overlap: int in [0, size).

    Returns:
        The windows, RaggedTensor [W, None], those of a row one behind the other; for each window the row that it is of
        and where in it it begins, int64 [W].

    Raises:
        ValueError: if `overlap` is not smaller than `size`, or one of them is out of range.

    Example:
        >>> windows, rows, starts = cut_windows(tf.ragged.constant([[1, 2, 3, 4, 5], [6]]), size=3, overlap=1)
        >>> windows.to_list(), rows.numpy().tolist(), starts.numpy().tolist()
        ([[1, 2, 3], [3, 4, 5], [6]], [0, 0, 1], [0, 2, 0])
    """
    if not 0 <= overlap < size:
        raise ValueError(f"`overlap` must be 0 or more and smaller than `size`. Received: {overlap} of {size}.")
    ids = ids.with_row_splits_dtype(tf.int64)
    lengths = ids.row_lengths()
    counts = 1 + -(-tf.maximum(lengths - size, 0) // (size - overlap))
    rows = tf.repeat(tf.range(tf.size(lengths, tf.int64)), counts)
    number = tf.range(tf.size(rows, tf.int64)) - tf.gather(tf.cumsum(counts, exclusive=True), rows)
    of_row = tf.gather(lengths, rows)
    starts = tf.minimum(number * (size - overlap), tf.maximum(of_row - size, 0))
    sizes = tf.minimum(of_row, size)
    places = tf.ragged.range(
        tf.gather(ids.row_starts(), rows) + starts, tf.gather(ids.row_starts(), rows) + starts + sizes
    )
    return places.with_values(tf.gather(ids.values, places.values)), rows, starts


@tf.autograph.experimental.do_not_convert
def join_windows(answers: tf.RaggedTensor, rows: tf.Tensor, starts: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """One answer for every token of a row, from the window in which it stands farthest from where the text was cut.

    Args:
        answers: RaggedTensor [W, None, ...] with a value for each id of each window.
        rows, starts: of `cut_windows`.
        lengths: int [N], how many ids each row has.

    Returns:
        RaggedTensor [N, None, ...].

    Example:
        >>> answers = tf.ragged.constant([[10, 20, 30], [31, 40, 50], [60]])
        >>> join_windows(answers, tf.constant([0, 0, 1]), tf.constant([0, 2, 0]), tf.constant([5, 1]))
        <tf.RaggedTensor [[10, 20, 30, 40, 50], [60]]>
    """
    lengths, rows, starts = (tf.cast(values, tf.int64) for values in (lengths, rows, starts))
    answers = answers.with_row_splits_dtype(tf.int64)
    splits = tf.pad(tf.cumsum(lengths), [[1, 0]])
    window = row_ids(answers.row_splits, tf.range(answers.row_splits[-1]))
    place = tf.range(answers.row_splits[-1]) - tf.gather(answers.row_starts(), window)
    # Where the text itself begins or ends, nothing was cut: there is no context that is missing.
    unlimited = tf.int64.max // 2
    sizes = answers.row_lengths()
    from_left = place + tf.gather(tf.where(starts == 0, unlimited, 0), window)
    ends_text = starts + sizes == tf.gather(lengths, rows)
    to_right = tf.gather(sizes, window) - 1 - place + tf.gather(tf.where(ends_text, unlimited, 0), window)
    context = tf.minimum(from_left, to_right)
    token = tf.gather(splits, tf.gather(rows, window)) + tf.gather(starts, window) + place
    most = tf.math.unsorted_segment_max(context, token, splits[-1])
    is_best = context == tf.gather(most, token)
    index = tf.range(tf.size(token, tf.int64))
    # Of two windows with as much context, the earlier one.
    best = tf.math.unsorted_segment_min(tf.where(is_best, index, tf.size(index, tf.int64)), token, splits[-1])
    return tf.RaggedTensor.from_row_splits(tf.gather(answers.values, best), splits, validate=False)
