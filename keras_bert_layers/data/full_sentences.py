"""Single-segment examples: as many whole sentences as fit."""

from bisect import bisect_right

import numpy as np

from keras_bert_layers.data.sampling import Stream, check_arguments, generator, target_length
from keras_bert_layers.data.tokenized import TokenizedDocuments


def full_sentences(
    documents: TokenizedDocuments,
    sequence_length: int,
    seed: int = 0,
    epoch: int = 0,
    short_sequence_probability: float = 0.1,
) -> np.ndarray:
    """One epoch of examples without sentence pairs: [CLS] sentences [SEP] in at most `sequence_length` positions.

    Every token of the corpus stands in exactly one example. Examples consist of whole sentences and do not cross a
    document's end; only a sentence longer than the target length is cut, into consecutive examples. What is drawn
    depends on `seed`, `epoch` and the document's index alone.

    Args:
        documents: a tokenised corpus.
        sequence_length: int ≥ 4. Positions of an example, with its two special tokens.
        seed: int ≥ 0. Defaults to 0.
        epoch: int ≥ 0. Another epoch cuts in other places. Defaults to 0.
        short_sequence_probability: float in [0, 1]. How often the target length is random, from 2 to the full length.
            Defaults to 0.1.

    Returns:
        int64 [examples, 2]: where each example begins and ends in `documents.tokens`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> corpus = TokenizedDocuments.from_lists([[[5, 6], [7], [8, 8]], [[9, 9, 9]]])
        >>> full_sentences(corpus, sequence_length=6, short_sequence_probability=0.0)
        array([[0, 3],
               [3, 5],
               [5, 8]])

    Reference:
        Liu et al. 2019 (RoBERTa), section 4.2, "DOC-SENTENCES".
    """
    check_arguments(sequence_length, 4, seed, epoch, short_sequence_probability)
    starts, bounds = documents.sentence_starts.tolist(), documents.document_starts.tolist()
    examples = []
    for document in range(documents.num_documents):
        rng = generator(seed, epoch, Stream.SEQUENCES, document)
        position, end = starts[bounds[document]], starts[bounds[document + 1]]
        while position < end:
            target = target_length(rng, sequence_length - 2, short_sequence_probability)
            stop = min(starts[bisect_right(starts, position + target) - 1], end)
            stop = stop if stop > position else min(position + target, end)
            examples.append((position, stop))
            position = stop
    return np.array(examples, "int64")
