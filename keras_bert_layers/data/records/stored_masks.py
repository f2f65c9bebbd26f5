"""Masks that are stored with the examples: made once, the same in every epoch (static masking, as in Google's code)."""

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.records.preparation import Preparation
from keras_bert_layers.data.records.ragged_columns import Columns, joined, places, rows, splits_of
from keras_bert_layers.data.records.stored_rows import RowLayout, places_of_tokens

_ROWS_AT_ONCE = 1024


def with_stored_masks(columns: Columns, preparation: Preparation, chunk: int, copy: int) -> Columns:
    """Examples with some of their tokens hidden by the preparation's masker, and which: `mask_positions`, `mask_ids`.

    A mask is a function of the masker's seed, of `copy` (in the place of the epoch), and of the chunk and the example's
    number in it.
    """
    settings, num_rows = preparation.settings, len(columns["token_ids"][1]) - 1
    row_layout = RowLayout(
        preparation.tokenizer, settings.sequence_length, settings.segments_per_sequence, settings.max_sequences
    )
    if not num_rows:
        nothing = (np.zeros(0, "int64"), np.zeros(1, "int64"))
        return {**columns, "mask_positions": nothing, "mask_ids": nothing}
    parts = []
    for begin in range(0, num_rows, _ROWS_AT_ONCE):
        part = rows(columns, begin, min(begin + _ROWS_AT_ONCE, num_rows))
        index = (chunk << 32) + begin + np.arange(len(part["token_ids"][1]) - 1)
        parts.append(_hide(part, row_layout, lambda features, i=index: preparation.masker(features, i, epoch=copy)))
    return joined(parts)


def _hide(columns: Columns, row_layout: RowLayout, masker) -> Columns:
    tokens, token_splits = columns["token_ids"]
    lengths, segment_splits = columns["segment_lengths"]
    sequences_per_row = np.diff(segment_splits) // row_layout.segments_per_sequence
    marks = tf.constant(columns["continues"][0], tf.int32) if "continues" in columns else None
    masked = masker(row_layout(tf.constant(tokens), tf.constant(lengths), tf.constant(sequences_per_row), marks))
    masked = {name: masked[name].numpy() for name in ("token_ids", "mask_positions", "mask_ids", "mask_weights")}

    # Where each token stands: its row, its place there, and its number among the row's tokens, which is what is stored.
    counts = np.diff(token_splits)
    row, number = np.repeat(np.arange(len(counts)), counts), places(np.zeros_like(counts), counts)
    place = places_of_tokens(lengths, np.diff(segment_splits), row_layout.segments_per_sequence)
    number_at = np.full(masked["token_ids"].shape, -1)
    number_at[row, place] = number
    of_row, slot = np.nonzero(masked["mask_weights"])
    splits = splits_of(np.bincount(of_row, minlength=len(counts)))
    return {
        **columns,
        "token_ids": (masked["token_ids"][row, place], token_splits),
        "mask_positions": (number_at[of_row, masked["mask_positions"][of_row, slot]], splits),
        "mask_ids": (masked["mask_ids"][of_row, slot], splits),
    }


def positions_in_rows(columns: Columns, segments_per_sequence: int) -> np.ndarray:
    """int64 [masks]: the positions in their rows of the tokens that `mask_positions` names."""
    lengths, segment_splits = columns["segment_lengths"]
    numbers, splits = columns["mask_positions"]
    place = places_of_tokens(lengths, np.diff(segment_splits), segments_per_sequence)
    return place[numbers + np.repeat(columns["token_ids"][1][:-1], np.diff(splits))]
