"""GPT-2's division of text into words, as TensorFlow operations."""

import tensorflow as tf
import tensorflow_text as tf_text

# Unicode's white space: \s of RE2 is the ASCII part of it only.
SPACES = r"\t\n\x{0B}\f\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
# What Unicode 15.1 and 16 added: TensorFlow's RE2 has the tables of Unicode 15.0, `tokenizers` has those of 16.
_LETTERS = (
    r"\p{L}\x{1C89}-\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3}\x{10D4A}-\x{10D65}"
    r"\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{11380}-\x{11389}\x{1138B}\x{1138E}\x{11390}-\x{113B5}\x{113B7}"
    r"\x{113D1}\x{113D3}\x{11BC0}-\x{11BE0}\x{13460}-\x{143FA}\x{16100}-\x{1611D}\x{16D40}-\x{16D6C}\x{18CFF}"
    r"\x{1E5D0}-\x{1E5ED}\x{1E5F0}\x{2EBF0}-\x{2EE5D}"
)
_NUMBERS = (
    r"\p{N}\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{16130}-\x{16139}\x{16D70}-\x{16D79}"
    r"\x{1CCF0}-\x{1CCF9}\x{1E5F1}-\x{1E5FA}"
)
_WORD = rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{_LETTERS}]+| ?[{_NUMBERS}]+| ?[^{SPACES}{_LETTERS}{_NUMBERS}]+"
# Every white space but a single " ".
_RUN = rf"[{SPACES}][{SPACES}]+|[{SPACES.replace(' ', '')}]"


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Words of each of `texts` [N], which are those of `split_chunks`: string [N, None].

    A word is a run of letters, of numbers, or of neither, with the space before it; an English ending ('s, 'll, ...);
    or a chunk that is white space.
    """
    return tf_text.regex_split(texts, _WORD, _WORD)


def split_chunks(texts: tf.Tensor) -> tf.RaggedTensor:
    r"""`texts` [N] cut where GPT-2 cuts whatever the words are, string [N, None]: before a space, around white space.

    GPT-2's pattern ends in \s+(?!\S)|\s+. White space in front of a word loses its last character: a space goes to the
    word, any other stands alone. White space at the end of a text stays whole. RE2 cannot look ahead, so runs are cut
    out first and their last characters moved. Of these chunks real text repeats most, and needs to split each once.
    """
    pieces = tf_text.regex_split(texts, _RUN, _RUN)
    is_run = tf.strings.regex_full_match(pieces.values, rf"[{SPACES}]+")
    row_of = pieces.value_rowids()
    before_word = is_run & tf.concat([row_of[1:] == row_of[:-1], tf.zeros_like(is_run[:1])], axis=0)

    def move_last():
        rest = tf.strings.regex_replace(pieces.values, rf"[{SPACES}]$", "")
        last = tf.strings.regex_replace(pieces.values, rf"(?s)^.*([{SPACES}])$", r"\1")
        is_moved = before_word & (last == " ")
        receives = tf.concat([tf.zeros_like(is_moved[:1]), is_moved[:-1]], axis=0)
        words = tf.where(receives, " " + pieces.values, pieces.values)
        both = tf.stack([tf.where(before_word, rest, words), tf.where(before_word & ~is_moved, last, "")], axis=1)
        is_space = tf.stack([is_run, before_word], axis=1)
        return tf.reshape(both, [-1]), tf.reshape(is_space, [-1]), 2 * pieces.row_splits

    values, is_space, row_splits = tf.cond(
        tf.reduce_any(before_word), move_last, lambda: (pieces.values, is_run, pieces.row_splits)
    )
    chunks = tf.strings.split(tf.where(is_space, "", values), " ")
    starts = chunks.row_starts()
    is_first = tf.scatter_nd(starts[:, tf.newaxis], tf.ones_like(is_space), tf.shape(chunks.values, tf.int64))
    words = tf.where(is_first, chunks.values, " " + chunks.values)
    # White space was held back, each run an empty chunk: here it comes again.
    at = tf.where(is_space)
    words = tf.tensor_scatter_nd_update(words, tf.gather_nd(starts, at)[:, tf.newaxis], tf.gather_nd(values, at))
    return tf.RaggedTensor.from_row_splits(words, tf.gather(chunks.row_splits, row_splits), validate=False)
