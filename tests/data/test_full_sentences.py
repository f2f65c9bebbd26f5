"""Single-segment examples hold every token once, in whole sentences where those fit."""

import numpy as np
import pytest
from data_corpora import document_of, numbered_corpus

from keras_bert_layers.data import TokenizedDocuments, full_sentences

CORPUS = numbered_corpus()


@pytest.mark.parametrize("sequence_length", [4, 10, 64, 100_000])
@pytest.mark.parametrize("short_sequence_probability", [0.0, 0.5])
def test_every_token_is_in_one_example_and_every_example_fits(sequence_length, short_sequence_probability):
    spans = full_sentences(CORPUS, sequence_length, short_sequence_probability=short_sequence_probability)
    assert spans[0, 0] == 0
    assert spans[-1, 1] == CORPUS.num_tokens
    np.testing.assert_array_equal(spans[1:, 0], spans[:-1, 1])
    assert 1 <= np.diff(spans).min() <= np.diff(spans).max() <= sequence_length - 2
    np.testing.assert_array_equal(document_of(CORPUS, spans[:, 0]), document_of(CORPUS, spans[:, 1] - 1))


def test_examples_are_whole_sentences_and_as_many_as_fit():
    spans = full_sentences(CORPUS, 64, short_sequence_probability=0.0)
    starts = CORPUS.sentence_starts
    assert np.isin(spans, starts).all()
    document_ends = starts[CORPUS.document_starts[1:]]
    for begin, end in spans[~np.isin(spans[:, 1], document_ends)]:
        assert starts[np.searchsorted(starts, end) + 1] - begin > 62


def test_a_sentence_longer_than_an_example_is_cut_into_consecutive_ones():
    corpus = TokenizedDocuments.from_lists([[[1] * 10, [2]]])
    assert full_sentences(corpus, 6, short_sequence_probability=0.0).tolist() == [[0, 4], [4, 8], [8, 11]]


def test_the_seed_and_epoch_determine_the_cuts():
    one = full_sentences(CORPUS, 32, seed=1, epoch=2)
    np.testing.assert_array_equal(one, full_sentences(CORPUS, 32, seed=1, epoch=2))
    assert not np.array_equal(one, full_sentences(CORPUS, 32, seed=1, epoch=3))
    assert not np.array_equal(one, full_sentences(CORPUS, 32, seed=2, epoch=2))


def test_too_short_a_length_is_refused():
    with pytest.raises(ValueError, match="`sequence_length` must be at least 4"):
        full_sentences(CORPUS, 3)
