"""Where in the texts the tokens of byte-level BPE stand."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text.added_token import Cut
from keras_bert_layers.text.byte_offsets import row_ids, whole_characters


class TokenEdges:
    """Of every token, how many bytes it has, and how many of them are white space before and behind the rest of it.

    Args:
        tokens: the bytes of each, in the order of the ids.
    """

    def __init__(self, tokens: Sequence[bytes]):
        # A part of a character is no white space.
        texts = [octets.decode(errors="surrogateescape") for octets in tokens]
        sizes = [len(octets) for octets in tokens]
        leading = [size - _size(text.lstrip()) for size, text in zip(sizes, texts, strict=True)]
        trailing = [size - _size(text.rstrip()) if text.strip() else 0 for size, text in zip(sizes, texts, strict=True)]
        # Constants made inside a function that is being traced would stay locked in its graph.
        with tf.init_scope(), tf.device("CPU:0"):
            self.sizes, self.leading, self.trailing = (
                tf.constant(column, tf.int64) for column in (sizes, leading, trailing)
            )


class Trail(NamedTuple):
    """The way from texts to tokens: cut at added tokens, brought into composed form, cut at others, tokenized.

    Args:
        spelled: string [N]. The texts without bytes that are no UTF-8, some characters spelled by others.
        raw: their parts.
        composed: string [P₁]. These parts in composed form; None if they are left as they are.
        cut: their parts.
        tokenized: string [P₂]. These parts with a space put before some.
        splits: int64 [P₂ + 1]. Where the tokens of each begin.
        is_ordinary: bool. Whether nothing is spelled by anything else.
        unspelled: from strings as they are spelled to what they say.
    """

    spelled: tf.Tensor
    raw: Cut
    composed: tf.Tensor | None
    cut: Cut
    tokenized: tf.Tensor
    splits: tf.Tensor
    is_ordinary: tf.Tensor
    unspelled: Callable[[tf.Tensor], tf.Tensor]


def places_in_texts(texts: tf.Tensor, ids: tf.Tensor, edges: TokenEdges, trail: Trail) -> tuple[tf.Tensor, tf.Tensor]:
    """The bytes of `texts` [N] where each of the flat `ids` [T] begins and ends, two of int64 [T]."""
    raw, cut = trail.raw, trail.cut
    # In what was tokenized, tokens stand one behind the other and have all of its bytes.
    sizes = tf.gather(edges.sizes, ids)
    behind = tf.cumsum(sizes)
    part = row_ids(trail.splits, ids)
    begin = tf.gather(tf.pad(behind, [[1, 0]]), trail.splits[:-1])
    begin += tf.cast(tf.strings.length(trail.tokenized) - tf.strings.length(cut.parts.values), tf.int64)
    begin = tf.gather(begin, part)
    leading, trailing = tf.gather(edges.leading, ids), tf.gather(edges.trailing, ids)
    starts = tf.maximum(behind - sizes + leading - begin, 0)
    ends = tf.maximum(behind - trailing - begin, 0)

    def before_cut(texts, cut, part, starts, ends):
        """Places in parts as places in the `texts` they were cut from; an added token stands where it was found."""
        size, begin = tf.gather(cut.sizes, part), tf.gather(_starts(texts, cut, trail), part)
        is_token = size >= 0
        return tf.where(is_token, leading, starts) + begin, tf.where(is_token, size - trailing, ends) + begin

    composed = raw.parts.values if trail.composed is None else trail.composed
    starts, ends = before_cut(composed, cut, part, starts, ends)
    part = tf.gather(cut.source, part)
    if trail.composed is not None:
        starts, ends = tf.cond(
            tf.reduce_all(composed == raw.parts.values),
            lambda: (starts, ends),
            lambda: _before_composing(trail.unspelled(raw.parts.values), part, starts, ends),
        )
    starts, ends = before_cut(trail.spelled, raw, part, starts, ends)
    return whole_characters(texts, tf.gather(raw.source, part), starts, ends)


def _starts(texts, cut, trail):
    """Where parts begin in `texts`, counted in what these say."""

    def unspelled():
        before = tf.strings.substr(tf.gather(texts, cut.source), tf.zeros_like(cut.starts), cut.starts)
        return tf.cast(tf.strings.length(trail.unspelled(before)), tf.int64)

    return tf.cond(trail.is_ordinary, lambda: cut.starts, unspelled)


def _before_composing(texts, row, starts, ends):
    """Places in the composed form of `texts` as places in them."""
    # The last operation refuses a text without a token.
    used, row = tf.unique(row, tf.int64)
    texts = tf.gather(texts, used)
    composed, sources = tf_text.normalize_utf8_with_offsets_map(texts, "NFC")
    places = whole_characters(composed, row, starts, ends)
    rows = (tf.RaggedTensor.from_value_rowids(place, row, tf.size(texts, tf.int64)) for place in places)
    return tuple(tf_text.find_source_offsets(sources, each).values for each in rows)


def _size(text):
    return len(text.encode(errors="surrogateescape"))
