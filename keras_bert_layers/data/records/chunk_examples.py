"""The tokenised documents of one chunk -> the fields of its stored examples."""

import numpy as np

from keras_bert_layers.data.full_sentences import full_sentences
from keras_bert_layers.data.packing import pack_rows
from keras_bert_layers.data.records.ragged_columns import Columns, places, splits_of
from keras_bert_layers.data.records.record_settings import RecordSettings
from keras_bert_layers.data.sentence_pairs import sentence_pairs
from keras_bert_layers.data.tokenized import TokenizedDocuments


def chunk_examples(
    documents: TokenizedDocuments, continues: np.ndarray | None, settings: RecordSettings, chunk: int, copy: int
) -> Columns:
    """The examples of one pass over a chunk's documents, without masks.

    Args:
        documents: the chunk's documents.
        continues: int [tokens] or None, as in `schema.FIELDS`.
        settings: the settings of the records.
        chunk: int. The chunk's number. With the seed, it makes what is drawn for the chunk.
        copy: int < `settings.duplicates`. The number of the pass.

    Returns:
        For each field the values of all examples, one after the other, and int64 [examples + 1], where each example's
        begin. There are no examples where the chunk has one sentence, or no two tokens in a row, to make a pair of.

    Example:
        >>> documents = TokenizedDocuments.from_lists([[[5, 6], [7]], [[8, 9, 10]]])
        >>> settings = RecordSettings(sequence_length=8, objective="none", short_sequence_probability=0.0)
        >>> chunk_examples(documents, None, settings, chunk=0, copy=0)["token_ids"]
        (array([ 5,  6,  7,  8,  9, 10], dtype=int32), array([0, 3, 6]))
    """
    spans, labels = _draw(documents, settings, chunk, copy)
    lengths = spans[..., 1] - spans[..., 0]
    row_splits = np.arange(len(spans) + 1)
    if settings.max_sequences > 1 and len(spans):
        positions = lengths.sum(axis=1) + settings.segments_per_sequence + 1
        rows = pack_rows(positions, settings.sequence_length, settings.max_sequences)
        spans, lengths, labels, row_splits = spans[rows.order], lengths[rows.order], labels[rows.order], rows.splits
    lengths = lengths.reshape(-1)
    where = places(spans.reshape(-1, 2)[:, 0], lengths)
    segment_splits = row_splits * settings.segments_per_sequence
    token_splits = splits_of(lengths)[segment_splits]
    columns = {
        "token_ids": (documents.tokens[where], token_splits),
        "segment_lengths": (lengths, segment_splits),
    }
    if settings.objective != "none":
        columns["labels"] = (labels, row_splits)
    if continues is not None:
        columns["continues"] = (continues[where], token_splits)
    return columns


def _draw(documents, settings, chunk, copy):
    """int64 [examples, segments, 2], where the segments begin and end in the corpus; int [examples], the labels."""
    # Another seed for every chunk: documents are numbered from 0 in each.
    seed = int(np.random.SeedSequence([settings.seed, chunk]).generate_state(1, np.uint64)[0])
    if settings.objective == "none":
        spans = full_sentences(documents, settings.sequence_length, seed, copy, settings.short_sequence_probability)
        return spans[:, np.newaxis], np.zeros(len(spans), "int64")
    if settings.objective == "next_sentence":
        documents = documents if documents.num_documents > 1 else _halves(documents)
        makes_pairs = documents.num_documents > 1
    else:
        makes_pairs = np.diff(documents.sentence_starts[documents.document_starts]).max() > 1
    if not makes_pairs:
        return np.zeros((0, 2, 2), "int64"), np.zeros(0, "int64")
    pairs = sentence_pairs(
        documents,
        settings.sequence_length,
        seed,
        copy,
        settings.next_sentence_rate,
        settings.short_sequence_probability,
        settings.objective,
    )
    return np.stack([pairs.first, pairs.second], axis=1), pairs.labels


def _halves(documents: TokenizedDocuments) -> TokenizedDocuments:
    """A document that is alone in its chunk as two, so that a random B has somewhere to come from."""
    bounds = np.unique([0, documents.num_sentences // 2, documents.num_sentences])
    return TokenizedDocuments(documents.tokens, documents.sentence_starts, bounds)
