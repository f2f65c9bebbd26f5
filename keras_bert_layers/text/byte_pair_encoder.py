"""Byte-level BPE as TensorFlow operations: strings [N] -> ragged ids, with offsets into the strings."""

import unicodedata
from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text.added_token import AddedToken, AddedTokenFinder
from keras_bert_layers.text.byte_pair_merger import BytePairMerger
from keras_bert_layers.text.byte_pair_places import TokenEdges, Trail, places_in_texts
from keras_bert_layers.text.byte_symbols import symbols_to_bytes
from keras_bert_layers.text.string_table import StringTable
from keras_bert_layers.text.word_split import split_chunks, split_words


class BytePairEncoder:
    """Cuts text as GPT-2 does and merges bytes to tokens; the engine inside `BytePairTokenizer`.

    Added tokens are cut out, the rest is normalised, cut into chunks, and every different chunk of the batch into
    words. A word that is one token is looked up, and only the others, few in real text, need merging.

    Args:
        ids: the vocabulary.
        merges: `"a b"` strings, the first to be applied first.
        unk_id: the id of a byte that the vocabulary lacks.
        added_tokens: tokens to be cut out.
        nfc: bool. Whether text is brought into Unicode's composed form.
        add_prefix_space: bool. Whether text that does not begin with a space is given one.
    """

    def __init__(
        self,
        ids: Mapping[str, int],
        merges: Sequence[str],
        unk_id: int,
        added_tokens: Sequence[AddedToken],
        nfc: bool,
        add_prefix_space: bool,
    ):
        self._nfc, self._add_prefix_space = nfc, add_prefix_space
        markers = {token: _marker(ids[token.content]) for token in added_tokens}
        self._raw_tokens = AddedTokenFinder(
            {token.content: (token, marker) for token, marker in markers.items() if not token.normalized}
        )
        self._normalized_tokens = AddedTokenFinder(
            {
                _compose(token.content) if nfc else token.content: (token, marker)
                for token, marker in markers.items()
                if token.normalized
            }
        )
        self._merger = BytePairMerger(ids, merges, unk_id)
        words = self._tokens_kept_whole(ids)
        self._words = StringTable(words | {marker: ids[token.content] for token, marker in markers.items()})
        added = {token.content: token.content.encode() for token in added_tokens}
        # A byte that the vocabulary lacks is one unknown token.
        spelled = {**{token: symbols_to_bytes(token) or b"" for token in ids}, **added}
        self._edges = TokenEdges([b"?" if ids[token] == unk_id else octets for token, octets in spelled.items()])

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and converting takes seconds
    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Ids int32 [N, None] of string `texts` [N]."""
        return self._encode(texts)[0]

    @tf.autograph.experimental.do_not_convert
    def encode_with_offsets(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Ids int32 [N, None] of string `texts` [N], and the byte where each begins and ends, int64 [N, None]."""
        ids, trail = self._encode(texts)
        starts, ends = places_in_texts(texts, ids.values, self._edges, trail)
        return ids, ids.with_values(starts), ids.with_values(ends)

    def _encode(self, texts):
        """The ids, and the way from the texts to them."""
        is_ordinary = tf.reduce_all(tf.strings.regex_full_match(texts, _ORDINARY))
        texts = tf.cond(is_ordinary, lambda: texts, lambda: _escape(texts))
        whole = tf.RaggedTensor.from_row_lengths(texts, tf.ones_like(texts, tf.int64), validate=False)
        raw = self._raw_tokens.cut(whole)
        composed = tf_text.normalize_utf8(raw.parts.values, "NFC") if self._nfc else None
        cut = self._normalized_tokens.cut(raw.parts if composed is None else raw.parts.with_values(composed))
        parts = cut.parts.values
        if self._add_prefix_space:
            parts = tf.where(tf.strings.regex_full_match(parts, r"(?s)[^ ].*"), " " + parts, parts)
        chunks = split_chunks(parts)
        different, which = tf.unique(chunks.values)
        words = split_words(different)
        values = tf.cond(is_ordinary, lambda: words.values, lambda: _unescape(words.values))
        ids, row_splits = self._ids_of(values)
        ids = tf.RaggedTensor.from_row_splits(ids, tf.gather(row_splits, words.row_splits), validate=False)
        ids = tf.gather(ids, which)
        part_splits = tf.gather(ids.row_splits, chunks.row_splits)
        row_splits = tf.gather(part_splits, cut.parts.row_splits)
        ids = tf.RaggedTensor.from_row_splits(ids.values, row_splits, validate=False)
        return ids, Trail(texts, raw, composed, cut, parts, part_splits, is_ordinary, _unescape)

    def _ids_of(self, words):
        """Ids of all `words` [W] one after the other, and the W + 1 places where those of each begin and end."""
        known = self._words.lookup(words, -1)

        def merge():
            unknown = tf.where(known < 0)
            merged = self._merger.merge(tf.gather_nd(words, unknown))
            rows = tf.concat([tf.RaggedTensor.from_row_lengths(known, tf.ones_like(known, tf.int64)), merged], axis=0)
            place, count = tf.range(tf.size(words)), tf.size(unknown)
            rows = tf.gather(rows, tf.tensor_scatter_nd_update(place, unknown, tf.size(words) + tf.range(count)))
            return rows.values, rows.row_splits

        return tf.cond(tf.reduce_any(known < 0), merge, lambda: (known, tf.range(tf.size(known, tf.int64) + 1)))

    def _tokens_kept_whole(self, ids):
        """Ids of the tokens into which their own text is merged, by that text: nearly all, but not all."""
        words = {octets: token_id for token, token_id in ids.items() if (octets := symbols_to_bytes(token))}
        with tf.init_scope(), tf.device("CPU:0"):
            lengths = self._merger.merge(tf.constant(list(words))).row_lengths().numpy()
        return {word: token_id for (word, token_id), length in zip(words.items(), lengths, strict=True) if length == 1}


def _compose(text):
    return unicodedata.normalize("NFC", text)


def _marker(token_id):
    """Stands for an added token between cutting and looking up. No UTF-8: no text has it, no pattern matches it."""
    return b"\xff" + bytes(0x80 + int(digit) for digit in str(token_id))


# Valid UTF-8 without U+0000, at which the splitting operation stops, and without the letter of its escape.
_ORDINARY = r"[\x{1}-\x{D7FF}\x{E000}-\x{10FFFE}]*"
# Noncharacters: they are what U+0000 is to the splitting, neither letter, number nor space.
_ESCAPE, _ITSELF, _NUL = "\U0010ffff", "\U0010fffe", "\U000ffffe"


def _escape(texts):
    """Drops bytes that are no UTF-8, and spells U+0000 in characters."""
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
    texts = tf.strings.regex_replace(texts, _ESCAPE, _ESCAPE + _ITSELF)
    return tf.strings.regex_replace(texts, r"\x00", _ESCAPE + _NUL)


def _unescape(words):
    words = tf.strings.regex_replace(words, _ESCAPE + _NUL, "\0")
    return tf.strings.regex_replace(words, _ESCAPE + _ITSELF, _ESCAPE)
