"""A tokenised corpus keeps every token, in order, once."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.data import TokenizedDocuments, tokenize_documents


class CharacterTokenizer:
    """One id per character that is not a space."""

    def tokenize(self, texts):
        assert isinstance(texts, list)
        return tf.ragged.constant([[ord(c) for c in text if c != " "] for text in texts], ragged_rank=1, dtype="int32")


DOCUMENTS = [["ab c", " ", "d"], [], [""], ["efg"]]


@pytest.mark.parametrize("batch_size", [1, 2, 8192])
def test_tokenizing_in_batches_gives_every_token_once_and_drops_what_is_empty(batch_size):
    corpus = tokenize_documents(DOCUMENTS, CharacterTokenizer(), batch_size)
    assert bytes(corpus.tokens.tolist()) == b"abcdefg"
    assert corpus.tokens.dtype == np.int32
    assert corpus.sentence_starts.tolist() == [0, 3, 4, 7]
    assert corpus.document_starts.tolist() == [0, 2, 3]


def test_lists_and_text_give_the_same_corpus():
    lists = [[[ord(c) for c in sentence if c != " "] for sentence in document] for document in DOCUMENTS]
    ours, expected = TokenizedDocuments.from_lists(lists), tokenize_documents(DOCUMENTS, CharacterTokenizer())
    np.testing.assert_array_equal(ours.tokens, expected.tokens)
    np.testing.assert_array_equal(ours.sentence_starts, expected.sentence_starts)
    np.testing.assert_array_equal(ours.document_starts, expected.document_starts)


@pytest.mark.parametrize("documents", [[], [[]], [["", " "], []]])
def test_a_corpus_without_tokens_is_refused(documents):
    with pytest.raises(ValueError, match="no token in the documents"):
        tokenize_documents(documents, CharacterTokenizer())


def test_a_string_in_place_of_a_document_is_refused():
    with pytest.raises(TypeError, match=r"string as document 1: 'One\. Two\.'"):
        tokenize_documents([["One."], "One. Two."], CharacterTokenizer())
