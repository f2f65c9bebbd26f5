"""Which word of a raw text each token of byte-level BPE belongs to."""

import tensorflow as tf

from keras_bert_layers.text.byte_offsets import counts_before, end_of_last, row_ids
from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer

_SPACE = r"[\p{Z}\t-\r\x{1C}-\x{1F}\x{85}]"
# Marks belong to the character before them; so do tag characters, which make a flag of a region.
MARK = r"[\p{M}\x{E0020}-\x{E007F}]"
_INVISIBLE = r"[\p{Cc}\p{Cf}\p{Z}\x{FFFD}]"
# Punctuation as Google's tokenizer has it, and ideographs: each is a word of its own.
_ALONE = (
    r"[!-/:-@\[-`{-~\p{P}\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2CEAF}\x{F900}-\x{FAFF}"
    r"\x{2F800}-\x{2FA1F}]"
)


def byte_pair_words(
    tokenizer: BytePairTokenizer, texts: tf.Tensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """The columns of `text_words`, of valid UTF-8 `texts` [N]: ids, numbers of words, where these begin and end.

    Texts are tokenized as they are, and tokens put together: a word ends where a space, punctuation or an ideograph
    stands between two tokens, or is one of them. A token that goes over several words makes one of them. Tokens of what
    cannot be seen belong to the word before them, to none (-1) at the beginning of a text; a space that the word behind
    it has left alone, to that.
    """
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts, unit="character")
    splits = ids.row_splits
    rows = row_ids(splits, ids.values)
    characters = tf.strings.unicode_split(texts, "UTF-8")
    first_character = tf.gather(characters.row_starts(), rows)
    number, is_seen = _characters(characters)
    # Without what cannot be seen at its ends, a token may be empty.
    starts, ends = starts.values + first_character, ends.values + first_character
    seen_places = tf.pad(tf.where(is_seen)[:, 0], [[0, 1]], constant_values=tf.int64.max)
    starts, ends = tf.gather(seen_places, tf.gather(counts_before(is_seen), starts)), end_of_last(is_seen, ends)
    seen = tf.where(starts < ends)[:, 0]
    starts, ends = tf.gather(starts, seen), tf.gather(ends, seen)

    # All words of all texts in one line, and of each its first and its last token.
    begins = tf.gather(number, starts) != tf.pad(tf.gather(number, ends - 1)[:-1], [[1, 0]], constant_values=-1)
    first = tf.where(begins)[:, 0]
    last = tf.concat([first[1:], [tf.size(seen, tf.int64)]], axis=0)[: tf.size(first)] - 1
    begins = tf.scatter_nd(seen[:, tf.newaxis], begins, tf.shape(ids.values, tf.int64))
    words = tf.cumsum(tf.cast(_with_spaces(tokenizer, ids, rows, begins), tf.int64))
    word_ids = words - 1 - tf.gather(tf.pad(words, [[1, 0]]), tf.gather(splits, rows))

    def of_words(places):
        # A text may begin with tokens of no word.
        return tf.where(
            word_ids < 0, tf.constant(-1, tf.int64), tf.gather(tf.pad(places, [[1, 0]]), words) - first_character
        )

    columns = tf.cast(word_ids, tf.int32), of_words(tf.gather(starts, first)), of_words(tf.gather(ends, last))
    return ids, *(ids.with_values(column) for column in columns)


def _with_spaces(tokenizer, ids, rows, begins):
    """`begins` of words, at the space before one where that is a token by itself, as when words are cut one by one."""
    space = tf.constant([token == "\u0120" for token in tokenizer.vocabulary])
    is_space = tf.gather(space, ids.values)[:-1] & (rows[:-1] == rows[1:])
    takes_space = tf.pad(is_space, [[1, 0]]) & begins & tf.gather(tf.constant(tokenizer.is_continuation), ids.values)
    return (begins & ~takes_space) | tf.pad(takes_space[1:], [[0, 1]])


def _characters(characters):
    """Of all characters in one line, the number of the word that each is in, and whether it is seen there."""
    values, begins = characters.values, characters.row_starts()
    begins = tf.gather(begins, row_ids(characters.row_splits, values))

    def are(pattern):
        return tf.strings.regex_full_match(values, pattern)

    is_space, is_mark = are(_SPACE), are(MARK)
    is_letter = ~is_space & ~is_mark & ~are(_INVISIBLE)
    # What stands before a character, marks and what is invisible aside; -1 at the beginning of a text.
    places = tf.pad(tf.where(is_letter | is_space)[:, 0], [[1, 0]], constant_values=-1)
    before = tf.gather(places, counts_before(is_letter | is_space)[:-1])
    is_first = before < begins

    def before_is(flags):
        return ~is_first & tf.gather(flags, tf.maximum(before, 0))

    is_alone = are(_ALONE)
    begins_word = is_letter & (is_alone | is_first | before_is(is_space) | before_is(is_alone))
    # A mark that has nothing to stand on is in no word.
    return tf.cumsum(tf.cast(begins_word, tf.int64)), is_letter | (is_mark & before_is(is_letter))
