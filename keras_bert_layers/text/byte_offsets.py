"""Places in rows of strings, as bytes and as characters."""

import tensorflow as tf


def flat_bytes(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All bytes of `texts`, string [N], one after another, uint8 [bytes]; and where each text begins, int64 [N]."""
    lengths = tf.cast(tf.strings.length(texts), tf.int64)
    return tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8), tf.cumsum(lengths, exclusive=True)


def characters_before(texts: tf.Tensor, offsets: tf.RaggedTensor) -> tf.RaggedTensor:
    """Byte offsets [N, None] into UTF-8 `texts` [N] as offsets in characters (Unicode code points)."""
    octets, begins = flat_bytes(texts)
    # A character begins at every byte but the continuation bytes 10xxxxxx.
    leads = tf.cast(tf.bitwise.bitwise_and(octets, 0xC0) != 0x80, tf.int64)
    before = tf.pad(tf.cumsum(leads), [[1, 0]])
    begins = tf.gather(begins, row_ids(offsets.row_splits, offsets.values))
    characters = tf.gather(before, begins + offsets.values) - tf.gather(before, begins)
    return tf.RaggedTensor.from_row_splits(characters, offsets.row_splits, validate=False)


def row_ids(row_splits: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """For every one of the flat `values`, the row it stands in, int64.

    As `RaggedTensor.value_rowids`, which pads all rows to the longest on its way: one long text, and memory is out.
    """
    return tf.searchsorted(row_splits, tf.range(tf.size(values, tf.int64)), side="right", out_type=tf.int64) - 1
