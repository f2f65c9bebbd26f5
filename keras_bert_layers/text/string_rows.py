"""Strings of any shape as one flat row, and ids back in that shape: what a tokenizer does around its work."""

import tensorflow as tf


def as_strings(text) -> tf.Tensor | tf.RaggedTensor:
    """`text` (a str, nested lists of str, an array, a tensor) as a string tensor, ragged where rows differ.

    Raises:
        ValueError: if it holds anything but strings.
    """
    if not tf.is_tensor(text) and _is_nested(text):
        text = tf.ragged.constant(text)
    elif not tf.is_tensor(text):
        # Without a dtype, an empty list would become floats.
        text = tf.convert_to_tensor(text, dtype=tf.string if isinstance(text, list | tuple) and not text else None)
    if text.dtype != tf.string:
        raise ValueError(
            f"A tokenizer takes strings. Received {text.dtype.name} of shape {text.shape}. "
            "Token ids need no tokenizer: give them to the model, or to `pack_segments` to be packed."
        )
    return text


def flat_strings(text: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    """All strings of `text`, [N]."""
    return text.flat_values if isinstance(text, tf.RaggedTensor) else tf.reshape(text, [-1])


def in_shape_of(text: tf.Tensor | tf.RaggedTensor, rows: tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    """Ragged `rows` [N, None], one for each string, folded back into the shape of `text`."""
    if isinstance(text, tf.RaggedTensor):
        return text.with_flat_values(rows.with_row_splits_dtype(text.row_splits.dtype))
    if text.shape.rank == 0:
        return rows.values
    if text.shape.rank == 1:
        return rows
    for size in tf.unstack(tf.shape(text, tf.int64)[1:][::-1]):
        rows = tf.RaggedTensor.from_uniform_row_length(rows, size)
    return rows


def as_id_rows(ids) -> tuple[tf.RaggedTensor, bool]:
    """Token ids [None] or [B, None] as a RaggedTensor [B, None], and whether they were one row.

    Raises:
        ValueError: if `ids` are no integers of one of these shapes.
    """
    if not tf.is_tensor(ids):
        ids = tf.ragged.constant(ids, dtype=tf.int32) if _is_nested(ids) else tf.convert_to_tensor(ids)
        ids = tf.cast(ids, tf.int32) if tf.size(ids) == 0 else ids
    if not ids.dtype.is_integer or ids.shape.rank not in (1, 2):
        raise ValueError(
            f"`ids` must be integers of shape [None] or [B, None]. Received {ids.dtype.name} of rank {ids.shape.rank}."
        )
    single = ids.shape.rank == 1
    if not isinstance(ids, tf.RaggedTensor):
        ids = tf.RaggedTensor.from_tensor(ids[tf.newaxis] if single else ids)
    return ids, single


def _is_nested(value):
    return isinstance(value, list | tuple) and any(isinstance(item, list | tuple) for item in value)
