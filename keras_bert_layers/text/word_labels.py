"""Labels of words as labels of their tokens, and predictions for tokens as predictions for words."""

from collections.abc import Sequence

import tensorflow as tf

PIECES = ("first", "all")


@tf.autograph.experimental.do_not_convert
def token_labels(
    labels: tf.RaggedTensor,
    word_ids: tf.Tensor,
    pieces: str = "first",
    continuation: Sequence[int] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The labels of words at their tokens, and 1 where a token counts: what `fit` takes as (y, sample_weight).

    The loss of a batch is a mean over the tokens that count if the loss divides by their weights:
    `keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")`. With Keras'
    own default it would also be divided by the padding.

    Args:
        labels: int RaggedTensor [B, None], the class of each word.
        word_ids: int [B, S], the word of each token, -1 for none; from `WordPreprocessor`.
        pieces: `"first"` (default): the first token of each word counts. `"all"`: every token of a word does.
        continuation: with `"all"`, for each class, that of a word's second and later tokens, such as I-PER for B-PER
            (`data.tasks.continuation_labels`). Defaults to None: the same.

    Returns:
        Labels int32 [B, S], 0 where none counts; weights float32 [B, S], 1 or 0.

    Raises:
        ValueError: if `pieces` is none of the two, or `continuation` is given with `"first"`.

    Example:
        >>> labels, weights = token_labels(tf.ragged.constant([[3, 5]]), tf.constant([[-1, 0, 0, 1, -1]]))
        >>> labels.numpy().tolist(), weights.numpy().tolist()
        ([[0, 3, 0, 5, 0]], [[0.0, 1.0, 0.0, 1.0, 0.0]])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 5.3.
    """
    if pieces not in PIECES:
        raise ValueError(f"`pieces` must be one of {PIECES}. Received: {pieces!r}.")
    if continuation is not None and pieces == "first":
        raise ValueError('`continuation` is of a word\'s later pieces, which count with pieces="all" only.')
    first = first_pieces(word_ids)
    counts = first if pieces == "first" else word_ids >= 0
    row_starts = tf.cast(labels.row_starts(), word_ids.dtype)[:, tf.newaxis]
    # A position to read from also for the tokens that do not count, in a batch without words too.
    pool = tf.concat([tf.cast(labels.values, tf.int32), [0]], axis=0)
    at_tokens = tf.gather(pool, tf.where(counts, row_starts + word_ids, tf.size(pool, word_ids.dtype) - 1))
    if continuation is not None:
        at_tokens = tf.where(
            counts & ~first, tf.gather(tf.constant(list(continuation), tf.int32), at_tokens), at_tokens
        )
    return tf.where(counts, at_tokens, 0), tf.cast(counts, tf.float32)


@tf.autograph.experimental.do_not_convert
def word_predictions(predictions: tf.Tensor, word_ids: tf.Tensor, num_words: tf.Tensor) -> tf.RaggedTensor:
    """One class for each word: that of its first token.

    Args:
        predictions: logits or probabilities, float [B, S, C], or classes, int [B, S].
        word_ids: int [B, S], the word of each token, -1 for none.
        num_words: int [B], the words of each sentence.

    Returns:
        int32 RaggedTensor [B, None]: a class for each word, -1 for one that has no token or was cut off.

    Example:
        >>> word_predictions(tf.constant([[0, 7, 8, 9, 0]]), tf.constant([[-1, 0, 0, 2, -1]]), tf.constant([4]))
        <tf.RaggedTensor [[7, -1, 9, -1]]>
    """
    predictions = tf.convert_to_tensor(predictions)
    if predictions.dtype.is_floating:
        predictions = tf.argmax(predictions, axis=-1)
    num_words = tf.cast(num_words, tf.int64)
    row_starts = tf.cumsum(num_words, exclusive=True)
    at = tf.where(first_pieces(word_ids))
    place = tf.gather(row_starts, at[:, 0]) + tf.cast(tf.gather_nd(word_ids, at), tf.int64)
    none = tf.fill([tf.reduce_sum(num_words)], -1)
    classes = tf.cast(tf.gather_nd(predictions, at), tf.int32)
    return tf.RaggedTensor.from_row_lengths(
        tf.tensor_scatter_nd_update(none, place[:, tf.newaxis], classes), num_words, validate=False
    )


def first_pieces(word_ids: tf.Tensor) -> tf.Tensor:
    """bool [B, S]: whether a token is the first of its word, of `word_ids` [B, S] with -1 where there is no word."""
    before = tf.pad(word_ids[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
    return (word_ids >= 0) & (word_ids != before)
