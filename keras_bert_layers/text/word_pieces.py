"""Words of sentences as token ids, with the number of the word that each token belongs to."""

import tensorflow as tf

from keras_bert_layers.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_layers.text.string_rows import as_strings
from keras_bert_layers.text.text_layer import check_tokenizer
from keras_bert_layers.text.tokenizer import BertTokenizer


def word_pieces(
    tokenizer: BertTokenizer | BytePairTokenizer, words: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Each word by itself cut into pieces, without special tokens around the sentence.

    Args:
        tokenizer: that `check_word_tokenizer` allows.
        words: string [B, None], the words of each sentence.

    Returns:
        Two int32 RaggedTensors [B, None] of the same shape: token ids, and the number of each token's word in its
        sentence, from 0. No token belongs to a word that the tokenizer drops.

    Example:
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "jo", "##hn", "sleeps"])
        >>> word_pieces(tokenizer, tf.ragged.constant([["John", "sleeps"]]))
        (<tf.RaggedTensor [[4, 5, 6]]>, <tf.RaggedTensor [[0, 0, 1]]>)
    """
    pieces = tokenizer.tokenize(words)
    counts = pieces.values.row_lengths()
    number = tf.range(tf.size(counts, tf.int64)) - tf.repeat(words.row_starts(), words.row_lengths())
    splits = tf.gather(pieces.values.row_splits, words.row_splits)
    return tuple(
        tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        for values in (pieces.flat_values, tf.repeat(tf.cast(number, tf.int32), counts))
    )


def as_words(words) -> tf.RaggedTensor:
    """A batch of sentences of words, in any of the forms that `WordPreprocessor` takes, as string [B, None].

    Raises:
        ValueError: if `words` is anything else.
    """
    words = as_strings(words)
    if words.shape.rank != 2:
        raise ValueError(
            "A batch of sentences, each a row of words, is expected: a list of lists of str, or strings of shape "
            f"[B, None]. Received strings of rank {words.shape.rank}. One sentence is a batch of one; raw text is no "
            "row of words and goes through BertPreprocessor."
        )
    if not isinstance(words, tf.RaggedTensor):
        words = tf.RaggedTensor.from_tensor(words)
    return words.with_row_splits_dtype(tf.int64)


def check_word_tokenizer(tokenizer) -> None:
    """Raises a ValueError if words that are tokenized one by one do not give the tokens of a sentence."""
    check_tokenizer(tokenizer)
    if isinstance(tokenizer, BytePairTokenizer) and not tokenizer.add_prefix_space:
        raise ValueError(
            "This BytePairTokenizer gives a word by itself other tokens than the same word behind a space. Words need "
            "one with add_prefix_space=True: BytePairTokenizer.from_tokenizer_json(path, add_prefix_space=True)."
        )
