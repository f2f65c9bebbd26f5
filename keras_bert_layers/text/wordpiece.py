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

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and converting takes seconds
    def encode(self, texts: tf.Tensor, with_offsets: bool) -> tuple[tf.RaggedTensor, ...]:
        """Ids int32 [N, None] of string `texts` [N]; with offsets, also start and end bytes, int64 [N, None]."""
        if self._rare_pattern is None:
            *columns, row_splits = self._encode_plain(texts, with_offsets)
        else:
            *columns, row_splits = tf.cond(
                tf.reduce_any(tf.strings.regex_full_match(texts, self._rare_pattern)),
                lambda: self._encode_rare(texts, with_offsets),
                lambda: self._encode_plain(texts, with_offsets),
            )
        columns = columns if with_offsets else columns[:1]
        return tuple(tf.RaggedTensor.from_row_splits(column, row_splits, validate=False) for column in columns)

    # Below, a batch of rows is its flat columns and their row splits, (ids, starts, ends, row_splits): the operations
    # on RaggedTensors are the same, but each brings a dozen assertions that cost seconds of tracing.

    def _encode_plain(self, texts, with_offsets):
        if with_offsets:
            normalized, offsets = self._normalizer.normalize_with_offsets(texts)
        else:
            normalized = self._normalizer.normalize(texts)
        ids, starts, ends = self._matcher.tokenize_with_offsets(normalized)
        rows = self._reject_long_words(normalized, ids.values, starts.values, ends.values, ids.row_splits)
        return _offsets_before(texts, offsets, *rows) if with_offsets else rows

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
        matches = parts.values[:, tf.newaxis] == tf.constant(self._specials)
        is_special = tf.reduce_any(matches, axis=1)
        ids, starts, ends, splits = self._encode_plain(tf.where(is_special, "", parts.values), with_offsets)
        part_of_piece = _row_ids(splits, ids)
        from_part = tf.gather(part_starts.values, part_of_piece)
        # Pieces and special tokens in the order of their parts; a special token is alone in its part.
        special_at = tf.where(is_special)[:, 0]
        special_ids = tf.gather(tf.constant(self._special_ids, tf.int32), tf.argmax(matches, axis=1))
        order = tf.argsort(tf.concat([part_of_piece, special_at], axis=0), stable=True)

        def merge(pieces, specials):
            return tf.gather(tf.concat([pieces, tf.gather(specials, special_at)], axis=0), order)

        before = tf.pad(tf.cumsum(tf.cast(is_special, tf.int64)), [[1, 0]])
        return (
            merge(ids, special_ids),
            merge(starts + from_part, part_starts.values),
            merge(ends + from_part, part_ends.values),
            tf.gather(splits + before, parts.row_splits),
        )

    def _reject_long_words(self, normalized, ids, starts, ends, splits):
        """One unknown token for every word of more than the allowed characters."""

        def search():
            begins = ~tf.gather(tf.constant(self._continues), ids)
            first = tf.where(begins)[:, 0]
            last = tf.concat([first[1:], [tf.size(ids, tf.int64)]], axis=0)[: tf.size(first)] - 1
            word_starts, word_ends = tf.gather(starts, first), tf.gather(ends, last)
            long_words = tf.where(word_ends - word_starts > self._max_characters)[:, 0]

            def reject():
                rows = tf.gather(_row_ids(splits, ids), tf.gather(first, long_words))
                begin, end = tf.gather(word_starts, long_words), tf.gather(word_ends, long_words)
                words = tf.strings.substr(tf.gather(normalized, rows), begin, end - begin)
                too_long = tf.strings.length(words, unit="UTF8_CHAR") > self._max_characters
                is_rejected = tf.tensor_scatter_nd_update(
                    tf.zeros_like(first, tf.bool), long_words[:, tf.newaxis], too_long
                )
                word_of_token = tf.cumsum(tf.cast(begins, tf.int64)) - 1
                in_rejected = tf.gather(is_rejected, word_of_token)
                keep = begins | ~in_rejected
                kept = tf.where(keep)[:, 0]
                before = tf.pad(tf.cumsum(tf.cast(keep, tf.int64)), [[1, 0]])
                return (
                    tf.gather(tf.where(in_rejected, self._unknown_id, ids), kept),
                    tf.gather(starts, kept),
                    tf.gather(tf.where(in_rejected, tf.gather(word_ends, word_of_token), ends), kept),
                    tf.gather(before, splits),
                )

            return tf.cond(tf.size(long_words) > 0, reject, lambda: (ids, starts, ends, splits))

        # A text must have as many bytes, and a word must too, before characters need counting.
        any_long_text = tf.reduce_any(tf.strings.length(normalized) > self._max_characters)
        return tf.cond(any_long_text, search, lambda: (ids, starts, ends, splits))


def _is_reachable(token: str) -> bool:
    """Whether splitting on spaces, punctuation and ideographs can ever leave `token` to be matched.

    Google's tokenizer never finds the others ("##,", "new york", "[unused3]"); the matcher would find some.
    """
    if token == "[UNK]":
        return True  # the matcher asks for it by name
    body = token.removeprefix("##") if len(token) > 2 else token
    splits = any(stands_alone(character) for character in body)
    drops = any(normalization.normalize_character(character, False, False) != character for character in body)
    return not drops and not (splits and len(token) > 1)


def stands_alone(character: str) -> bool:
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


def _row_ids(row_splits, values):
    """For every one of the flat `values`, the row it stands in."""
    return tf.searchsorted(row_splits, tf.range(tf.size(values, tf.int64)), side="right", out_type=tf.int64) - 1


def _offsets_before(texts, offsets, ids, starts, ends, splits):
    """Offsets into the normalised texts as offsets into the texts before normalisation."""
    rows = _row_ids(splits, ids)
    from_row = tf.gather(offsets.row_splits, rows)
    before = tf.cast(offsets.values, tf.int64)
    begin = tf.gather(before, from_row + starts)
    end = tf.gather(before, from_row + ends)
    # A token may end inside what one character became (한 is three letters once decomposed): it covers that character.
    inside = end == tf.gather(before, from_row + ends - 1)

    def extend():
        at = tf.boolean_mask(end, inside)
        character = tf.strings.substr(tf.gather(texts, tf.boolean_mask(rows, inside)), at, tf.ones_like(at))
        lead = tf.io.decode_raw(character, tf.uint8)
        width = 1 + tf.reduce_sum(tf.cast(lead >= tf.constant([0xC0, 0xE0, 0xF0], tf.uint8), tf.int64), axis=1)
        return tf.tensor_scatter_nd_add(end, tf.where(inside), width)

    return ids, begin, tf.cond(tf.reduce_any(inside), extend, lambda: end), splits
