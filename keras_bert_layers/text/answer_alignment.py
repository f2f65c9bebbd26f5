"""Answers as places in a text and as tokens of its windows, in both directions."""

import tensorflow as tf


def answer_positions(starts, ends, answer_starts, answer_ends) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The first and the last token of each window that share a character with the answer.

    They cover the answer exactly, or are the smallest run of tokens around it where it begins or ends inside a token.
    A window that does not hold the whole answer, or has none, is labelled as BERT is trained: start and end at [CLS].

    Args:
        starts, ends: int [W, S], the places of the tokens, -1 outside the context; from `QuestionPreprocessor`.
        answer_starts, answer_ends: int [W], the answer's first character and the one after its last, without spaces
            around it; negative where there is no answer. For windows, `tf.gather(..., windows["example_ids"])`.

    Returns:
        `start` and `end`, int32 [W], both inclusive, and `is_inside`, int32 [W]: 1 where the window holds the answer.

    Example:
        >>> starts, ends = tf.constant([[-1, 0, 4, -1], [-1, 4, 8, -1]]), tf.constant([[-1, 3, 7, -1], [-1, 7, 11, -1]])
        >>> start, end, is_inside = answer_positions(starts, ends, tf.constant([5, 5]), tf.constant([9, 9]))
        >>> start.numpy().tolist(), end.numpy().tolist(), is_inside.numpy().tolist()
        ([0, 1], [0, 2], [0, 1])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), sections 4.2 and 4.3.
    """
    starts, ends = tf.cast(starts, tf.int32), tf.cast(ends, tf.int32)
    begin, limit = (tf.cast(places, tf.int32)[:, tf.newaxis] for places in (answer_starts, answer_ends))
    in_context = starts >= 0
    shared = in_context & (starts < limit) & (ends > begin)
    first_place = tf.reduce_min(tf.where(in_context, starts, starts.dtype.max), axis=1, keepdims=True)
    whole = (begin >= 0) & (first_place <= begin) & (tf.reduce_max(ends, axis=1, keepdims=True) >= limit)
    is_inside = whole[:, 0] & tf.reduce_any(shared, axis=1)
    position = tf.range(tf.shape(starts)[1])[tf.newaxis]
    first = tf.reduce_min(tf.where(shared, position, position.dtype.max), axis=1)
    last = tf.reduce_max(tf.where(shared, position, 0), axis=1)
    return tf.where(is_inside, first, 0), tf.where(is_inside, last, 0), tf.cast(is_inside, tf.int32)


def answer_texts(contexts, starts, ends) -> tf.Tensor:
    """The pieces of the contexts that answers are.

    Args:
        contexts: string [B].
        starts, ends: int [B, k], the answers' places in characters, the end exclusive; equal for no answer.

    Returns:
        string [B, k].

    Example:
        >>> answer_texts(["Zoë 🐈 sat"], [[0, 4, 0]], [[3, 5, 0]]).numpy()[0, 1].decode()
        '🐈'
    """
    starts, ends = tf.cast(starts, tf.int32), tf.cast(ends, tf.int32)
    repeated = tf.broadcast_to(tf.convert_to_tensor(contexts)[:, tf.newaxis], tf.shape(starts))
    return tf.strings.substr(repeated, starts, ends - starts, unit="UTF8_CHAR")
