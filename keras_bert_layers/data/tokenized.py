"""Documents as token ids: the whole corpus in one flat array."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np


class NoTokensError(ValueError):
    """Documents without a single token."""


@dataclass(frozen=True, eq=False)
class TokenizedDocuments:
    """A tokenised corpus in memory, each sentence a stretch of one flat array.

    Any run of sentences of a document is a slice of `tokens`, so that an example is a pair of numbers, not a copy.
    Sentences without tokens and documents without sentences are not kept.

    Args:
        tokens: int32 [T]. All token ids in order, without special tokens.
        sentence_starts: int64 [sentences + 1]. Sentence `i` is `tokens[sentence_starts[i]:sentence_starts[i + 1]]`.
        document_starts: int64 [documents + 1]. Document `d` has the sentences `document_starts[d]` up to, and without,
            `document_starts[d + 1]`.

    Example:
        >>> corpus = TokenizedDocuments.from_lists([[[5, 6], [7]], [[8, 9, 10]]])
        >>> corpus.num_documents, corpus.num_sentences, corpus.num_tokens
        (2, 3, 6)
        >>> corpus.sentence_starts
        array([0, 2, 3, 6])
    """

    tokens: np.ndarray
    sentence_starts: np.ndarray
    document_starts: np.ndarray

    @classmethod
    def from_lists(cls, documents: Iterable[Iterable[Sequence[int]]]) -> "TokenizedDocuments":
        """From documents -> sentences -> token ids, as nested lists or arrays. A ValueError if they hold no token."""
        documents = [list(document) for document in documents]
        sentences = [np.asarray(sentence, "int32") for document in documents for sentence in document]
        lengths = np.array([len(sentence) for sentence in sentences], "int64")
        tokens = np.concatenate(sentences) if sentences else np.zeros(0, "int32")
        return cls._without_empty(tokens, lengths, np.array([len(document) for document in documents], "int64"))

    @classmethod
    def _without_empty(cls, tokens, sentence_lengths, sentences_per_document) -> "TokenizedDocuments":
        owners = np.repeat(np.arange(len(sentences_per_document)), sentences_per_document)[sentence_lengths > 0]
        counts = np.bincount(owners, minlength=1)
        counts = counts[counts > 0]
        if not len(counts):
            raise NoTokensError(
                "There is no token in the documents. Check that they hold text the vocabulary can spell."
            )
        return cls(tokens, _starts(sentence_lengths[sentence_lengths > 0]), _starts(counts))

    @property
    def num_documents(self) -> int:
        return len(self.document_starts) - 1

    @property
    def num_sentences(self) -> int:
        return len(self.sentence_starts) - 1

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)


def tokenize_documents(
    documents: Iterable[Sequence[str]], tokenizer: Callable, batch_size: int = 8192
) -> TokenizedDocuments:
    """Tokenises documents of sentences, many sentences at a time.

    Args:
        documents: lists of sentences, as `read_documents` gives them. From an iterator they are taken as they are
            needed, and no more than `batch_size` sentences are kept.
        tokenizer: has `tokenize(list of str) -> RaggedTensor`, such as `kbl.text.BertTokenizer`.
        batch_size: int > 0. Sentences per call of the tokenizer. Defaults to 8192.

    Returns:
        A `TokenizedDocuments`.

    Raises:
        ValueError: if the documents hold no token at all.
        TypeError: if a document is one string instead of a list of sentences.

    Example:
        >>> import tensorflow as tf
        >>> class Lengths:
        ...     def tokenize(self, texts):
        ...         return tf.ragged.constant([[len(word) for word in text.split()] for text in texts], dtype="int32")
        >>> tokenize_documents([["one day", "it rains"], ["so be it"]], Lengths()).tokens
        array([3, 3, 2, 5, 2, 2, 2], dtype=int32)
    """
    sentences_per_document, tokens, lengths = [], [np.zeros(0, "int32")], [np.zeros(0, "int64")]

    def sentences():
        for index, document in enumerate(documents):
            if isinstance(document, str):
                raise TypeError(
                    f"Each document must be a list of sentences. Received a string as document {index}: "
                    f"{document[:40]!r}. Split it with `split_sentences`."
                )
            sentences_per_document.append(len(document))
            yield from document

    waiting = sentences()
    while batch := list(islice(waiting, batch_size)):
        ragged = tokenizer.tokenize(batch)
        tokens.append(np.asarray(ragged.values, "int32"))
        lengths.append(np.asarray(ragged.row_lengths(), "int64"))
    return TokenizedDocuments._without_empty(
        np.concatenate(tokens), np.concatenate(lengths), np.array(sentences_per_document, "int64")
    )


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype("int64")
