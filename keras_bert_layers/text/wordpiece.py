"""BERT's tokenization as a few TensorFlow operations: strings [N] -> ragged ids, with offsets into the strings."""

import re
import unicodedata
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text import normalization

_NO_LIMIT = 2**31 - 1


class WordPieceEncoder:
    """Cleans, splits and looks up text exactly as Google's BERT does; the engine inside `BertTokenizer`.

    The common case is two fused operations, normalise and match. What they cannot do (special tokens written in a
    string, a final Σ, words beyond the length limit) is looked for cheaply and done only where it occurs.

    Args:
        tokens: the vocabulary.
        lowercase, strip_accents: bools, as in `BertTokenizer`.
        special_tokens: tokens to be kept whole where they occur in a string; none to treat them as plain text.
        max_characters_per_word: int. A word with more characters, after cleaning, is unknown.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        lowercase: bool,
        strip_accents: bool,
        special_tokens: Sequence[str],
        max_characters_per_word: int,
    ):
        ids = {token: position for position, token in enumerate(tokens)}
        self._unknown_id = ids["[UNK]"]
        self._continues = [token.startswith("##") for token in tokens]
        self._max_characters = max_characters_per_word
        # Longest first: of two special tokens that begin alike, the longer one is meant.
        self._specials = sorted(special_tokens, key=len, reverse=True)
        self._special_ids = [ids[token] for token in self._specials]
        self._special_pattern = "|".join(re.escape(token) for token in self._specials)
        self._finds_sigma = lowercase
        rare = [self._special_pattern] * bool(self._specials) + ["Σ"] * lowercase
        self._rare_pattern = rf"\C*(?:{'|'.join(rare)})\C*" if rare else None
        # Constants made inside a function that is being traced would stay locked in its graph.
        with tf.init_scope():
            model = tf.constant(normalization.build_normalizer_model(lowercase, strip_accents))
            self._normalizer = tf_text.FastBertNormalizer(model_buffer=model)
            self._matcher = tf_text.FastWordpieceTokenizer(
                [token if _is_reachable(token) else f"\1{position}" for position, token in enumerate(tokens)],
                max_bytes_per_word=_NO_LIMIT,
                token_out_type=tf.int32,
            )

    def encode(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Ids int32 [N, None] of string `texts` [N], with start and end byte offsets int64 [N, None]."""
        return self._either_way(texts, with_offsets=True)

    def encode_ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Ids int32 [N, None] of string `texts` [N]."""
        return self._either_way(texts, with_offsets=False)[0]

    def _either_way(self, texts, with_offsets):
        if self._rare_pattern is None:
            return self._encode_plain(texts, with_offsets)
        rows = tf.cond(
            tf.reduce_any(tf.strings.regex_full_match(texts, self._rare_pattern)),
            lambda: _components(self._encode_rare(texts, with_offsets)),
            lambda: _components(self._encode_plain(texts, with_offsets)),
        )
        *values, row_splits = rows
        return tuple(tf.RaggedTensor.from_row_splits(flat, row_splits, validate=False) for flat in values)

    def _encode_plain(self, texts, with_offsets):
        if with_offsets:
            normalized, offsets = self._normalizer.normalize_with_offsets(texts)
        else:
            normalized = self._normalizer.normalize(texts)
        pieces = self._matcher.tokenize_with_offsets(normalized)
        ids, starts, ends = self._reject_long_words(normalized, *pieces)
        if with_offsets:
            starts, ends = _offsets_before(texts, offsets, starts, ends)
        return ids, starts, ends

    def _encode_rare(self, texts, with_offsets):
        """As `_encode_plain`, for texts that contain special tokens or a capital sigma."""
        # The splitting operation stops at a NUL; U+0001 is dropped just as well and as long.
        texts = tf.strings.regex_replace(texts, r"\x00", "\1")
        if self._finds_sigma:
            # Both forms of the letter take two bytes: offsets stay right.
            pattern = normalization.final_sigma_pattern()
            texts = tf.strings.regex_replace(texts, pattern, normalization.FINAL_SIGMA_REWRITE)
        if not self._specials:
            return self._encode_plain(texts, with_offsets)
        parts, part_starts, part_ends = tf_text.regex_split_with_offsets(
            texts, self._special_pattern, self._special_pattern
        )
        part_starts, part_ends = part_starts.values, part_ends.values
        matches = parts.values[:, tf.newaxis] == tf.constant(self._specials)
        is_special = tf.reduce_any(matches, axis=1)
        special_ids = tf.gather(tf.constant(self._special_ids, tf.int32), tf.argmax(matches, axis=1))
        ids, starts, ends = self._encode_plain(tf.where(is_special, "", parts.values), with_offsets)
        row_starts = tf.gather(part_starts, ids.value_rowids())
        starts = starts.with_values(starts.values + row_starts)
        ends = ends.with_values(ends.values + row_starts)

        def insert(pieces, specials):
            """Where a part is a special token, its single value; elsewhere the part's pieces."""
            alone = tf.RaggedTensor.from_row_lengths(
                specials[is_special], tf.cast(is_special, tf.int64), validate=False
            )
            return tf.RaggedTensor.from_row_splits(
                tf.concat([pieces, alone], axis=1), parts.row_splits, validate=False
            ).merge_dims(1, 2)

        return insert(ids, special_ids), insert(starts, part_starts), insert(ends, part_ends)

    def _reject_long_words(self, normalized, ids, starts, ends):
        """One unknown token for every word of more than the allowed characters."""
        # A text must have as many bytes, and a word must too, before characters need counting.
        any_long_text = tf.reduce_any(tf.strings.length(normalized) > self._max_characters)

        def search():
            flat_ids, flat_starts, flat_ends = ids.values, starts.values, ends.values
            begins = ~tf.gather(tf.constant(self._continues), flat_ids)
            first = tf.where(begins)[:, 0]
            last = tf.concat([first[1:], [tf.size(flat_ids, tf.int64)]], axis=0)[: tf.size(first)] - 1
            word_starts, word_ends = tf.gather(flat_starts, first), tf.gather(flat_ends, last)
            long_words = tf.where(word_ends - word_starts > self._max_characters)[:, 0]

            def reject():
                rows = tf.gather(ids.value_rowids(), tf.gather(first, long_words))
                begin, end = tf.gather(word_starts, long_words), tf.gather(word_ends, long_words)
                words = tf.strings.substr(tf.gather(normalized, rows), begin, end - begin)
                too_long = tf.strings.length(words, unit="UTF8_CHAR") > self._max_characters
                rejected = tf.scatter_nd(
                    long_words[:, tf.newaxis], tf.cast(too_long, tf.int32), tf.shape(first, tf.int64)[:1]
                )
                word_of_token = tf.cumsum(tf.cast(begins, tf.int64)) - 1
                in_rejected = tf.gather(rejected, word_of_token) > 0
                keep = ids.with_values(begins | ~in_rejected)
                new_ids = tf.where(in_rejected, self._unknown_id, flat_ids)
                new_ends = tf.where(in_rejected, tf.gather(word_ends, word_of_token), flat_ends)
                kept = [
                    tf.ragged.boolean_mask(ids.with_values(flat), keep) for flat in (new_ids, flat_starts, new_ends)
                ]
                return _components(kept)

            return tf.cond(tf.size(long_words) > 0, reject, unchanged)

        def unchanged():
            return _components((ids, starts, ends))

        *values, row_splits = tf.cond(any_long_text, search, unchanged)
        return tuple(tf.RaggedTensor.from_row_splits(flat, row_splits, validate=False) for flat in values)


def _is_reachable(token: str) -> bool:
    """Whether splitting on spaces, punctuation and ideographs can ever leave `token` to be matched.

    Google's tokenizer never finds the others ("##,", "new york", "[unused3]"); the matcher would find some.
    """
    if token == "[UNK]":
        return True  # the matcher asks for it by name
    body = token.removeprefix("##") if len(token) > 2 else token
    splits = any(_stands_alone(character) for character in body)
    drops = any(normalization.normalize_character(character, False, False) != character for character in body)
    return not drops and not (splits and len(token) > 1)


def _stands_alone(character: str) -> bool:
    code_point = ord(character)
    if character.isascii():
        return character.isprintable() and not character.isalnum()
    return unicodedata.category(character).startswith("P") or any(
        first <= code_point <= last for first, last in _IDEOGRAPHS
    )


_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def _components(rows):
    """Ragged tensors of one shape as their flat values and shared row splits."""
    return (*(row.values for row in rows), rows[0].row_splits)


def _offsets_before(texts, offsets, starts, ends):
    """Offsets into the normalised texts as offsets into the texts before normalisation."""
    row_starts = tf.gather(offsets.row_splits, starts.value_rowids())
    flat = tf.cast(offsets.values, tf.int64)
    begin = tf.gather(flat, row_starts + starts.values)
    end = tf.gather(flat, row_starts + ends.values)
    # A token may end inside what one character became (한 is three letters once decomposed): it covers that character.
    inside = end == tf.gather(flat, row_starts + ends.values - 1)

    def extend():
        rows = tf.gather(texts, tf.boolean_mask(starts.value_rowids(), inside))
        at = tf.boolean_mask(end, inside)
        lead = tf.io.decode_raw(tf.strings.substr(rows, at, tf.ones_like(at)), tf.uint8)[:, 0]
        width = 1 + tf.reduce_sum(
            tf.cast(lead[:, tf.newaxis] >= tf.constant([0xC0, 0xE0, 0xF0], tf.uint8), tf.int64), 1
        )
        return tf.tensor_scatter_nd_add(end, tf.where(inside), width)

    end = tf.cond(tf.reduce_any(inside), extend, lambda: end)
    return starts.with_values(begin), ends.with_values(end)
