"""Raw text as token ids, with the word of each token and where that word stands in the text."""

from typing import NamedTuple

import tensorflow as tf

from keras_bert_layers.text.byte_offsets import counts_before, end_of_last, row_ids
from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.byte_pair_words import MARK, byte_pair_words
from keras_bert_layers.text.tokenizer import BertTokenizer

# What the tokenizer drops, or takes as a space: no word ends with it.
_INVISIBLE = r"[\p{Cc}\p{Cf}\p{Z}]"
# Without any of these, tab and line ends aside, words end where their last tokens do.
_RARE = r"\C*[\p{M}\p{Cf}\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}-\x{9F}]\C*"


class TextWords(NamedTuple):
    """Tokens of texts; each field is a RaggedTensor [B, None], all of the same shape.

    Args:
        token_ids: int32, without special tokens around them.
        word_ids: int32. The number of each token's word in its text, from 0; -1 for a token of none, as byte pairs have
            for spaces at the beginning.
        starts, ends: int64. Where in the text each token's word begins, and where it ends (exclusive), in characters;
            -1 for a token of none.

    Example:
        >>> TextWords._fields
        ('token_ids', 'word_ids', 'starts', 'ends')
    """

    token_ids: tf.RaggedTensor
    word_ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


@tf.autograph.experimental.do_not_convert
def text_words(tokenizer: BertTokenizer | BytePairTokenizer, texts: tf.Tensor) -> TextWords:
    """Tokenizes raw texts and says of which word of the text each token is.

    A word is text without spaces, punctuation and CJK ideographs, each of which is a word of its own: what WordPiece
    cuts into pieces. Byte pairs may join several to one token, which makes one word of them. `text[start:end]` of a
    word has everything that belongs to its characters (accents, also those that the tokenizer drops) and neither spaces
    nor control characters at its ends. Words do not overlap.

    Args:
        tokenizer: a `BertTokenizer` or a `BytePairTokenizer`.
        texts: string [B]. Bytes that are no UTF-8 count as the character U+FFFD.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "jo", "##hn", "sleeps", "."])
        >>> words = text_words(tokenizer, tf.constant(["John sleeps."]))
        >>> words.word_ids.to_list(), words.starts.to_list(), words.ends.to_list()
        ([[0, 0, 1, 2]], [[0, 0, 5, 11]], [[4, 4, 11, 12]])
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    if isinstance(tokenizer, BytePairTokenizer):
        return TextWords(*byte_pair_words(tokenizer, texts))
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts, unit="character")
    splits = ids.row_splits
    rows = row_ids(splits, ids.values)
    begins = ~tf.gather(tf.constant(tokenizer.is_continuation), ids.values)
    begins |= tf.gather(splits, rows) == tf.range(tf.size(ids.values, tf.int64))
    # All words of all texts in one line, and of each its first and its last token.
    word = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    first = tf.where(begins)[:, 0]
    last = tf.concat([first[1:], [tf.size(ids.values, tf.int64)]], axis=0)[: tf.size(first)] - 1
    word_rows = tf.gather(rows, first)
    word_starts = tf.gather(starts.values, first)
    word_ends = tf.gather(ends.values, last)
    word_ends = tf.cond(
        tf.reduce_any(tf.strings.regex_full_match(texts, _RARE)),
        lambda: _tight_ends(texts, word_rows, word_starts, word_ends),
        lambda: word_ends,
    )
    before = tf.pad(tf.cumsum(tf.cast(begins, tf.int64)), [[1, 0]])
    word_ids = tf.cast(word - tf.gather(before, tf.gather(splits, rows)), tf.int32)
    return TextWords(
        ids,
        *(ids.with_values(values) for values in (word_ids, tf.gather(word_starts, word), tf.gather(word_ends, word))),
    )


def _tight_ends(texts, rows, starts, ends):
    """`ends` of words without invisible characters before them, and behind the marks of the last character."""
    characters = tf.strings.unicode_split(texts, "UTF-8")
    offsets = tf.gather(characters.row_starts(), rows)
    starts, ends = starts + offsets, ends + offsets
    visible = ~tf.strings.regex_full_match(characters.values, _INVISIBLE)
    ends = tf.maximum(end_of_last(visible, ends), starts + 1)
    # The first character at or behind the end that is no mark; the end of the text is none either.
    no_mark = ~tf.strings.regex_full_match(characters.values, MARK)
    places = tf.concat([tf.where(no_mark)[:, 0], [tf.size(no_mark, tf.int64)]], axis=0)
    behind_marks = tf.gather(places, tf.gather(counts_before(no_mark), ends))
    next_starts = tf.concat([starts[1:], [tf.size(no_mark, tf.int64)]], axis=0)[: tf.size(starts)]
    limits = tf.minimum(next_starts, tf.gather(characters.row_limits(), rows))
    return tf.minimum(behind_marks, limits) - offsets
