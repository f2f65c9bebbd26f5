"""Marks in canonical order: the one part of Unicode decomposition (NFD) that looks at more than one character."""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from keras_bert_layers.text.byte_offsets import row_ids, utf8_sizes
from keras_bert_layers.text.character_rules import CharacterRules
from keras_bert_layers.text.normalization import CODE_POINTS

_DROPPED = 255


def order_marks(texts: tf.Tensor, rules: CharacterRules) -> tuple[tf.Tensor, tf.RaggedTensor]:
    """`texts` with the marks behind each letter sorted by their combining class.

    Args:
        texts: string [N]. Bytes that are no UTF-8 become U+FFFD, which is dropped later.
        rules: whose classes, and what is dropped.

    Returns:
        string [N], and int64 [N, None]: for every byte of the new strings, and for their end, the byte of `texts` where
        the character stood that was there before sorting. That is how Hugging Face counts.
    """
    firsts, classes = _class_table(rules)
    points, starts = tf.strings.unicode_decode_with_offsets(texts, "UTF-8", errors="replace")
    kinds = tf.gather(classes, tf.searchsorted(firsts, points.values, side="right") - 1)
    rows = row_ids(points.row_splits, points.values)
    # Marks move within a run: from one letter, of class 0, to the next, and never into another row. What is dropped is
    # passed over, and stays: it may keep a text from spelling a special token.
    moving = tf.where(kinds != _DROPPED)
    run = tf.cumsum(tf.cast(kinds == 0, tf.int64)) + rows
    order = tf.argsort(tf.gather_nd(run * 256 + kinds, moving), stable=True)
    values = tf.tensor_scatter_nd_update(points.values, moving, tf.gather_nd(points.values, tf.gather(moving, order)))
    ordered = points.with_values(values)
    widths = utf8_sizes(values)
    # Every byte's place, and behind each row its end.
    splits = tf.gather(tf.pad(tf.cumsum(widths), [[1, 0]]), ordered.row_splits)
    splits += tf.range(tf.size(splits, tf.int64))
    byte_at = tf.range(tf.reduce_sum(widths)) + tf.repeat(rows, widths)
    places = tf.dynamic_stitch(
        [tf.cast(byte_at, tf.int32), tf.cast(splits[1:] - 1, tf.int32)],
        [tf.repeat(starts.values, widths), tf.cast(tf.strings.length(texts), tf.int64)],
    )
    places = tf.RaggedTensor.from_row_splits(places, splits, validate=False)
    return tf.strings.unicode_encode(ordered, "UTF-8"), places


@functools.cache
def movable_marks(rules: CharacterRules) -> list[int]:
    """Code points whose place in a run can be seen: marks that stripping accents leaves."""
    marks = [code_point for code_point in CODE_POINTS if unicodedata.combining(chr(code_point))]
    return [mark for mark in marks if rules.combining_class(chr(mark)) and rules.normalize(chr(mark), False, True)]


@functools.cache
def _class_table(rules) -> tuple[np.ndarray, np.ndarray]:
    """First code points of runs with one class, and the classes; a dropped character has class 255."""
    classes = np.zeros(0x110000, "int64")
    for code_point in CODE_POINTS:
        character = chr(code_point)
        classes[code_point] = _DROPPED if rules.is_dropped(character) else rules.combining_class(character)
    if "Co" in rules.dropped:
        for plane in (0xF0000, 0x100000):
            classes[plane : plane + 0xFFFE] = _DROPPED
    firsts = np.flatnonzero(np.diff(classes, prepend=-1))
    return firsts.astype("int32"), classes[firsts]
