"""BERT's tokenization as a few TensorFlow operations: strings [N] -> ragged ids, with offsets into the strings."""

import re
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text import mark_order, normalization
from keras_bert_layers.text.byte_offsets import flat_bytes, row_ids
from keras_bert_layers.text.character_rules import GOOGLE, CharacterRules

_NO_LIMIT = 2**31 - 1


class WordPieceEncoder:
    """Cleans, splits and looks up text exactly as a published BERT tokenizer; the engine inside `BertTokenizer`.

    The common case is two fused operations, normalise and match. What they cannot do (special tokens written in a
    string, a final Σ, marks out of order, words beyond the length limit) is looked for cheaply and done only where it
    occurs.

    Args:
        tokens: the vocabulary.
        lowercase, strip_accents: bools, as in `BertTokenizer`.
        special_tokens: tokens to be kept whole where they occur in a string; none to treat them as plain text.
        max_characters_per_word: int. A word with more characters, after cleaning, is unknown.
        rules: the tokenizer to be equal to.
        split_on_cjk: bool. Whether each CJK ideograph is a word.
        added_tokens: tokens to be kept whole where they occur in the cleaned text.
        hidden_tokens: tokens that no word is ever looked up as.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        lowercase: bool,
        strip_accents: bool,
        special_tokens: Sequence[str],
        max_characters_per_word: int,
        rules: CharacterRules = GOOGLE,
        split_on_cjk: bool = True,
        added_tokens: Sequence[str] = (),
        hidden_tokens: Sequence[str] = (),
    ):
        ids = {token: position for position, token in enumerate(tokens)}
        self._rules = rules
        self._unknown_id = ids["[UNK]"]
        self._continues = [token.startswith("##") for token in tokens]
        self._max_characters = max_characters_per_word
        self._specials = _Literals(special_tokens, [ids[token] for token in special_tokens])
        self._finds_sigma = lowercase and rules.has_final_sigma
        movable = mark_order.movable_marks(rules) if strip_accents else []
        self._mark_pattern = f"[{normalization.character_class(movable)}]" if movable else None
        rare = [self._specials.pattern, "Σ" * self._finds_sigma, self._mark_pattern]
        rare = [pattern for pattern in rare if pattern]
        self._rare_pattern = rf"\C*(?:{'|'.join(rare)})\C*" if rare else None
        spelling = normalization.stand_ins(rules, split_on_cjk)
        hidden = {*hidden_tokens} - {"[UNK]"}
        # Constants made inside a function that is being traced would stay locked in its graph.
        with tf.init_scope():
            model = normalization.build_normalizer_model(lowercase, strip_accents, rules, split_on_cjk)
            self._normalizer = tf_text.FastBertNormalizer(model_buffer=tf.constant(model))
            self._matcher = tf_text.FastWordpieceTokenizer(
                [
                    token.translate(spelling)
                    if token not in hidden and _is_reachable(token, rules, split_on_cjk)
                    else f"\1{position}"
                    for position, token in enumerate(tokens)
                ],
                max_bytes_per_word=_NO_LIMIT,
                token_out_type=tf.int32,
            )
            cleaned = self._normalizer.normalize(list(added_tokens)).numpy() if added_tokens else []
        self._added = _Literals([token.decode() for token in cleaned], [ids[token] for token in added_tokens])

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

    def _encode_rare(self, texts, with_offsets):
        """As `_encode_plain`, for texts that contain special tokens, a capital sigma or movable marks."""
        # The splitting operation stops at a NUL; U+0001 is dropped just as well and as long.
        texts = tf.strings.regex_replace(texts, r"\x00", "\1")
        if self._finds_sigma:
            # Both forms of the letter take two bytes: offsets stay right.
            pattern = normalization.final_sigma_pattern()
            texts = tf.strings.regex_replace(texts, pattern, normalization.FINAL_SIGMA_REWRITE)
        ordered, places, has_marks = self._order_marks(texts)
        rows = self._specials.encode_around(ordered, lambda parts: self._encode_plain(parts, with_offsets))
        if places is None or not with_offsets:
            return rows
        return tf.cond(has_marks, lambda: self._offsets_before(texts, places, *rows), lambda: rows)

    def _order_marks(self, texts):
        """The texts, their bytes' places before, and whether there was anything to order."""
        if self._mark_pattern is None:
            return texts, None, False

        def order():
            ordered, places = mark_order.order_marks(texts, self._rules)
            return ordered, places.values, places.row_splits

        nowhere = tf.zeros([0], tf.int64)
        has_marks = tf.reduce_any(tf.strings.regex_full_match(texts, rf"\C*{self._mark_pattern}\C*"))
        ordered, *places = tf.cond(has_marks, order, lambda: (texts, nowhere, nowhere))
        return ordered, tf.RaggedTensor.from_row_splits(*places, validate=False), has_marks

    def _encode_plain(self, texts, with_offsets):
        if with_offsets:
            normalized, offsets = self._normalizer.normalize_with_offsets(texts)
        else:
            normalized = self._normalizer.normalize(texts)
        rows = self._added.encode_around(normalized, self._match)
        return self._offsets_before(texts, offsets, *rows) if with_offsets else rows

    def _match(self, normalized):
        ids, starts, ends = self._matcher.tokenize_with_offsets(normalized)
        return self._reject_long_words(normalized, ids.values, starts.values, ends.values, ids.row_splits)

    def _reject_long_words(self, normalized, ids, starts, ends, splits):
        """One unknown token for every word of more than the allowed characters."""

        def search():
            begins = ~tf.gather(tf.constant(self._continues), ids)
            first = tf.where(begins)[:, 0]
            last = tf.concat([first[1:], [tf.size(ids, tf.int64)]], axis=0)[: tf.size(first)] - 1
            word_starts, word_ends = tf.gather(starts, first), tf.gather(ends, last)
            long_words = tf.where(word_ends - word_starts > self._max_characters)[:, 0]

            def reject():
                rows = tf.gather(row_ids(splits, ids), tf.gather(first, long_words))
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

    def _offsets_before(self, texts, offsets, ids, starts, ends, splits):
        """Offsets into normalised texts as offsets into the `texts` before; `offsets` has every byte's, and the end."""
        rows = row_ids(splits, ids)
        from_row = tf.gather(offsets.row_splits, rows)
        before = tf.cast(offsets.values, tf.int64)
        begin = tf.gather(before, from_row + starts)
        last = tf.gather(before, from_row + ends - 1)

        def end_of_last_character():
            octets, begins = flat_bytes(texts)
            lead = tf.gather(octets, tf.gather(begins, rows) + last)
            following = lead[:, tf.newaxis] >= tf.constant([0xC0, 0xE0, 0xF0], tf.uint8)
            return last + 1 + tf.reduce_sum(tf.cast(following, tf.int64), axis=1)

        if self._rules.offsets_end_with_kept_character:
            return ids, begin, end_of_last_character(), splits
        end = tf.gather(before, from_row + ends)
        # A token may end inside what one character became (한 is three letters once decomposed): it covers all of it.
        inside = end == last
        end = tf.cond(tf.reduce_any(inside), lambda: tf.where(inside, end_of_last_character(), end), lambda: end)
        return ids, begin, end, splits


class _Literals:
    """Strings that stand for one token each, wherever they occur."""

    def __init__(self, strings, ids):
        # Longest first: of two that begin alike, the longer one is meant.
        pairs = sorted(zip(strings, ids, strict=True), key=lambda pair: len(pair[0]), reverse=True)
        self._strings = [string for string, _ in pairs]
        self._ids = [token_id for _, token_id in pairs]
        self.pattern = "|".join(re.escape(string) for string in self._strings)

    def encode_around(self, texts, encode):
        """Rows of `texts`, with `encode` for what stands between the strings."""
        if not self._strings:
            return encode(texts)
        parts, part_starts, part_ends = tf_text.regex_split_with_offsets(texts, self.pattern, self.pattern)
        matches = parts.values[:, tf.newaxis] == tf.constant(self._strings)
        is_found = tf.reduce_any(matches, axis=1)
        ids, starts, ends, splits = encode(tf.where(is_found, "", parts.values))
        part_of_piece = row_ids(splits, ids)
        from_part = tf.gather(part_starts.values, part_of_piece)
        # Pieces and found strings in the order of their parts; a found string is alone in its part.
        found_at = tf.where(is_found)[:, 0]
        found_ids = tf.gather(tf.constant(self._ids, tf.int32), tf.argmax(matches, axis=1))
        order = tf.argsort(tf.concat([part_of_piece, found_at], axis=0), stable=True)

        def merge(pieces, found):
            return tf.gather(tf.concat([pieces, tf.gather(found, found_at)], axis=0), order)

        before = tf.pad(tf.cumsum(tf.cast(is_found, tf.int64)), [[1, 0]])
        return (
            merge(ids, found_ids),
            merge(starts + from_part, part_starts.values),
            merge(ends + from_part, part_ends.values),
            tf.gather(splits + before, parts.row_splits),
        )


def _is_reachable(token: str, rules: CharacterRules, split_on_cjk: bool) -> bool:
    """Whether splitting on spaces, punctuation and ideographs can ever leave `token` to be matched.

    The published tokenizers never find the others ("##,", "new york", "[unused3]"); the matcher would find some.
    """
    if token == "[UNK]":
        return True  # the matcher asks for it by name
    body = token.removeprefix("##") if len(token) > 2 else token
    if body.isascii() and body.isalnum():
        return True
    splits = any(
        rules.is_punctuation(character) or (split_on_cjk and rules.is_ideograph(character)) for character in body
    )
    drops = any(rules.normalize(character, False, False) != character for character in body)
    return not drops and " " not in body and not (splits and len(token) > 1)


def stands_alone(character: str) -> bool:
    """Whether Google's tokenizer makes a word of every `character`."""
    return GOOGLE.is_punctuation(character) or GOOGLE.is_ideograph(character)
