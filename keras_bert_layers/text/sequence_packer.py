"""Several sequences in one row, none of which sees another."""

import tensorflow as tf


@tf.autograph.experimental.do_not_convert
def pack_sequences(
    first: tf.RaggedTensor,
    second: tf.RaggedTensor | None = None,
    *,
    cls_id: int,
    sep_id: int,
    pad_id: int,
    sequence_length: int,
    max_sequences: int,
) -> dict[str, tf.Tensor]:
    """[CLS] a₁ [SEP] b₁ [SEP] [CLS] a₂ [SEP] b₂ [SEP] …: rows of single texts, or of pairs, one behind the other.

    Args:
        first: int32 RaggedTensor [B, K', None]: the ids of each text in each row, without special tokens.
        second: the same for the second text of each pair. Defaults to `None`: single texts.
        cls_id, sep_id, pad_id: ids of the special tokens.
        sequence_length: int. Positions S of a row. A row that would be longer is cut at its end.
        max_sequences: int. K, the most sequences in a row.

    Returns:
        dict of int32 tensors: `token_ids`, `segment_ids`, `padding_mask` [B, S], as `pack_segments` makes them, and
        `position_ids` [B, S], counted from 0 in every sequence;
        `pack_ids` [B, S], the number of the sequence in its row from 1, 0 at padding;
        `sequence_starts` [B, K], where the [CLS] of each sequence stands, -1 where there is none.

    Example:
        >>> texts = tf.ragged.constant([[[5, 6], [7]]], dtype=tf.int32)
        >>> packed = pack_sequences(texts, cls_id=1, sep_id=2, pad_id=0, sequence_length=8, max_sequences=3)
        >>> packed["token_ids"].numpy().tolist(), packed["pack_ids"].numpy().tolist()
        ([[1, 5, 6, 2, 1, 7, 2, 0]], [[1, 1, 1, 1, 2, 2, 2, 0]])
        >>> packed["sequence_starts"].numpy().tolist()
        [[0, 4, -1]]

    Reference:
        Krell et al. 2021, Efficient Sequence Packing without Cross-contamination (arXiv:2107.02027), section 3.2.
    """
    texts = [first] if second is None else [first, second]
    counts = [tf.cast(text.values.row_lengths(), tf.int32) for text in texts]
    lengths = tf.add_n(counts) + 1 + len(texts)
    sequences = first.with_values(lengths)  # [B, K'], the positions of each sequence
    starts = tf.cumsum(lengths, exclusive=True)

    # All positions of the batch in one line: of each, its sequence and its place in there.
    sequence = tf.repeat(tf.range(tf.size(lengths)), lengths)
    place = tf.range(tf.size(sequence)) - tf.gather(starts, sequence)
    end = tf.gather(counts[0], sequence) + 1  # where the first [SEP] stands
    in_second = place > end
    # Every position knows where its id stands in one pool of all ids: a single gather fills them all.
    pool = tf.concat([text.flat_values for text in texts] + [tf.constant([cls_id, sep_id])], axis=0)
    begins = [tf.cast(text.values.row_starts(), tf.int32) for text in texts]
    source = tf.gather(begins[0], sequence) + place - 1
    if second is not None:
        begins_second = tf.gather(begins[1], sequence) + tf.size(first.flat_values)
        source = tf.where(in_second, begins_second + place - end - 1, source)
    is_separator = (place == end) | (place == tf.gather(lengths, sequence) - 1)
    source = tf.where(place == 0, tf.size(pool) - 2, tf.where(is_separator, tf.size(pool) - 1, source))

    number = tf.cast(tf.range(tf.size(lengths), dtype=tf.int64) - _first_of_row(first), tf.int32)
    splits = tf.pad(tf.cumsum(tf.cast(tf.reduce_sum(sequences, axis=1), tf.int64)), [[1, 0]])

    def rows(values, default=0):
        ragged = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        return ragged.to_tensor(default, shape=[None, sequence_length])

    row_starts = tf.gather(tf.cast(splits, tf.int32), tf.cast(first.value_rowids(), tf.int32))
    return {
        "token_ids": rows(tf.gather(pool, source), pad_id),
        "segment_ids": rows(tf.cast(in_second, tf.int32)),
        "padding_mask": rows(tf.ones_like(sequence)),
        "position_ids": rows(place),
        "pack_ids": rows(tf.gather(number, sequence) + 1),
        "sequence_starts": first.with_values(starts - row_starts).to_tensor(-1, shape=[None, max_sequences]),
    }


def _first_of_row(rows):
    """int64 [sequences]: the number of the first sequence of the row that each one is in."""
    return tf.gather(rows.row_starts(), rows.value_rowids())
