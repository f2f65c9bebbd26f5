"""Made-up corpora for the data tests: token i of the flat corpus has the id i, so that an id tells its place."""

from itertools import pairwise

import numpy as np

from keras_bert_layers.data import TokenizedDocuments


def numbered_corpus(num_documents: int = 40, longest_sentence: int = 12, seed: int = 0) -> TokenizedDocuments:
    rng = np.random.default_rng(seed)
    documents, position = [], 0
    for _ in range(num_documents):
        lengths = rng.integers(1, longest_sentence + 1, size=rng.integers(1, 30))
        starts = position + np.concatenate([[0], np.cumsum(lengths)])
        documents.append([np.arange(a, b) for a, b in pairwise(starts)])
        position = int(starts[-1])
    return TokenizedDocuments.from_lists(documents)


def document_of(corpus: TokenizedDocuments, position):
    """The index of the document that each flat token position stands in."""
    ends = corpus.sentence_starts[corpus.document_starts[1:]]
    return np.searchsorted(ends, position, side="right")
