"""Stored examples as rows of a model's input: where each token stands once special tokens are put in."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.masked_batches import packing


class RowLayout:
    """Tokens and segment lengths of stored examples -> packed features, as `masked_features` takes them.

    Args:
        tokenizer: whose special tokens it puts in.
        sequence_length: int. Positions S of a row.
        segments_per_sequence: 1, or 2 for pairs.
        max_sequences: int. The most sequences in a row; 1 for rows that are not packed.
        padding: `"max"` or `"longest"`.

    Call arguments:
        tokens: int32 [T], the tokens of all rows, one after the other.
        segment_lengths: int64 [segments].
        sequences_per_row: int64 [B].
        continues: int32 [T] or None.

    Returns:
        the features of `pack_segments`, or of `pack_sequences`; and `continues`, int32 [B, S], where it was given.
    """

    def __init__(self, tokenizer, sequence_length, segments_per_sequence, max_sequences, padding="max"):
        self.segments_per_sequence = segments_per_sequence
        self.is_packed = max_sequences > 1
        self.pack = packing(tokenizer, sequence_length, padding, max_sequences)
        nothing_special = SimpleNamespace(cls_id=0, sep_id=0, pad_id=0)
        self.pack_marks = packing(nothing_special, sequence_length, padding, max_sequences)

    def __call__(self, tokens, segment_lengths, sequences_per_row, continues=None) -> dict[str, tf.Tensor]:
        features = self.pack(*self._segments(tokens, segment_lengths, sequences_per_row))
        if continues is not None:
            marks = self.pack_marks(*self._segments(continues, segment_lengths, sequences_per_row))
            features["continues"] = marks["token_ids"]
        return features

    def _segments(self, values, segment_lengths, sequences_per_row):
        """The first segments of all sequences, then (for pairs) the second ones: [B, None], or packed [B, K', None]."""
        segments = tf.RaggedTensor.from_row_lengths(values, segment_lengths, validate=False)
        if self.segments_per_sequence == 1:
            parts = [segments]
        else:
            numbers = tf.range(0, tf.size(segment_lengths), 2)
            parts = [tf.gather(segments, numbers), tf.gather(segments, numbers + 1)]
        if not self.is_packed:
            return parts
        return [tf.RaggedTensor.from_row_lengths(part, sequences_per_row, validate=False) for part in parts]


def places_of_tokens(
    segment_lengths: np.ndarray, segments_per_row: np.ndarray, segments_per_sequence: int
) -> np.ndarray:
    """The position in its row of each token: its number among the row's tokens, plus the special tokens before it.

    Args:
        segment_lengths: int [segments], of all rows.
        segments_per_row: int [rows].
        segments_per_sequence: 1 or 2.

    Returns:
        int64 [tokens].

    Example:
        >>> places_of_tokens(np.array([2, 1, 1, 2]), np.array([4]), segments_per_sequence=2)  # C a a S b S C a S b b S
        array([ 1,  2,  4,  7,  9, 10])
    """
    first = np.concatenate([[0], np.cumsum(segments_per_row)])[:-1]
    number = np.arange(len(segment_lengths)) - np.repeat(first, segments_per_row)  # of the segment in its row
    special_tokens = number + number // segments_per_sequence + 1
    token_starts = np.concatenate([[0], np.cumsum(segment_lengths)])
    row_start = np.repeat(token_starts[first], segments_per_row)
    return np.arange(token_starts[-1]) + np.repeat(special_tokens - row_start, segment_lengths)
