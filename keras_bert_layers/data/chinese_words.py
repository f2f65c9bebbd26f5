"""Which Chinese characters belong to one word, for whole-word masking."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


class WordMarkingTokenizer:
    """A tokenizer that also keeps which tokens belong to the same word as the token before.

    A `##` piece does. So does an ideograph that the segmenter joins to the one before: BERT's tokenizer makes every
    ideograph a token, and so hides the words of Chinese text. Other words of the segmenter are not used: what it joins
    of Latin letters and digits, the vocabulary tells better.

    Args:
        tokenizer: a `BertTokenizer`.
        segment: text -> its words in order, which together are the text. Defaults to `jieba_words()`.

    Example:
        >>> from keras_bert_layers.text import BertTokenizer
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "北", "京", "下", "雨", "rain", "##s"])
        >>> marking = WordMarkingTokenizer(tokenizer, lambda text: ["北京", "下雨", " ", "rains"])
        >>> _ = marking.tokenize(["北京下雨 rains"])
        >>> marking.continues()
        array([0, 1, 0, 1, 0, 1])

    Reference:
        Cui et al. 2019, Pre-Training with Whole Word Masking for Chinese BERT (arXiv:1906.08101).
    """

    def __init__(self, tokenizer, segment: Callable[[str], Sequence[str]] | None = None):
        self.tokenizer = tokenizer
        self.segment = segment or jieba_words()
        self._is_piece = np.array(tokenizer.is_continuation)
        self._marks = []

    def tokenize(self, texts: Sequence[str]) -> tf.RaggedTensor:
        """As the tokenizer does; keeps the marks of these tokens."""
        ids, starts, _ = self.tokenizer.tokenize_with_offsets(texts, unit="character")
        inside = np.concatenate([np.zeros(1, bool), *(self._inside_a_word(text) for text in texts)])
        first = np.cumsum([0, *map(len, texts)])[:-1]
        places = np.asarray(starts.values) + np.repeat(first, np.asarray(starts.row_lengths()))
        self._marks.append(self._is_piece[np.asarray(ids.values)] | inside[1:][places])
        return ids

    def continues(self) -> np.ndarray:
        """int [tokens]: the marks of all tokens so far."""
        return np.concatenate([np.zeros(0, bool), *self._marks]).astype("int64")

    def _inside_a_word(self, text: str) -> np.ndarray:
        """For every character whether it is an ideograph that goes on with the word of an ideograph before it."""
        inside = np.zeros(len(text), bool)
        if text.isascii():
            return inside
        position = 0
        for word in self.segment(text):
            for before, place in zip(word, range(position + 1, position + len(word)), strict=False):
                inside[place] = _is_ideograph(before) and _is_ideograph(text[place])
            position += len(word)
        if position != len(text):
            raise ValueError(
                f"The segmenter's words must be the text's {len(text)} characters in order. They have {position}: "
                f"{text[:40]!r}."
            )
        return inside


def jieba_words() -> Callable[[str], list[str]]:
    """text -> its words, by the package jieba and its dictionary.

    Raises:
        ImportError: if jieba is not installed.
    """
    try:
        import jieba
    except ImportError as error:
        raise ImportError(
            "Chinese words are found by the package jieba, which is not installed: pip install "
            "'keras_bert_layers[chinese]'."
        ) from error
    jieba.setLogLevel("ERROR")  # it reports on loading its dictionary
    jieba.initialize()
    return jieba.lcut


def _is_ideograph(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"
