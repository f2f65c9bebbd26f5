"""Places in rows of strings, as bytes and as characters."""

import tensorflow as tf


def flat_bytes(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """All bytes of `texts`, string [N], one after another, uint8 [bytes]; and where each text begins, int64 [N]."""
    lengths = tf.cast(tf.strings.length(texts), tf.int64)
    return tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8), tf.cumsum(lengths, exclusive=True)


def in_unit(unit: str, texts: tf.Tensor, *offsets: tf.RaggedTensor) -> tuple[tf.RaggedTensor, ...]:
    """Byte offsets [N, None] into `texts` [N] in the `unit` that is asked for, `"byte"` or `"character"`."""
    if unit not in ("byte", "character"):
        raise ValueError(f'`unit` must be "byte" or "character". Received: {unit!r}.')
    return offsets if unit == "byte" else tuple(characters_before(texts, rows) for rows in offsets)


def characters_before(texts: tf.Tensor, offsets: tf.RaggedTensor) -> tf.RaggedTensor:
    """Byte offsets [N, None] into UTF-8 `texts` [N] as offsets in characters (Unicode code points)."""
    octets, begins = flat_bytes(texts)
    # A character begins at every byte but the continuation bytes 10xxxxxx.
    leads = tf.cast(tf.bitwise.bitwise_and(octets, 0xC0) != 0x80, tf.int64)
    before = tf.pad(tf.cumsum(leads), [[1, 0]])
    begins = tf.gather(begins, row_ids(offsets.row_splits, offsets.values))
    characters = tf.gather(before, begins + offsets.values) - tf.gather(before, begins)
    return tf.RaggedTensor.from_row_splits(characters, offsets.row_splits, validate=False)


def whole_characters(
    texts: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Byte offsets into `texts` without the bytes that are no UTF-8, as those of whole characters of `texts`.

    Args:
        texts: string [N].
        rows: int64 [T], of every token the text it stands in.
        starts, ends: int64 [T]. A token may begin and end inside a character, and may be empty.
    """
    points, places = tf.strings.unicode_decode_with_offsets(texts, "UTF-8", errors="ignore")
    widths = utf8_sizes(points.values)
    limits = tf.cumsum(widths)
    begins = tf.gather(tf.gather(tf.pad(limits, [[1, 0]]), points.row_starts()), rows)
    first = tf.searchsorted(limits, begins + starts, side="right", out_type=tf.int64)
    last = tf.searchsorted(limits, begins + ends - 1, side="right", out_type=tf.int64)
    # An empty token may stand before the first character, or behind the last.
    known = tf.pad(places.values, [[0, 1]])
    behind = tf.where(ends > 0, tf.gather(known, last) + tf.gather(tf.pad(widths, [[0, 1]]), last), 0)
    return tf.where(starts < ends, tf.gather(known, first), behind), behind


def utf8_sizes(points: tf.Tensor) -> tf.Tensor:
    """The bytes of each of the code points [N] in UTF-8, int64."""
    return 1 + tf.reduce_sum(tf.cast(points[:, tf.newaxis] >= [0x80, 0x800, 0x10000], tf.int64), axis=1)


def counts_before(flags: tf.Tensor) -> tf.Tensor:
    """How many of `flags`, bool [N], are set before each place and before the end, int64 [N + 1]."""
    return tf.pad(tf.cumsum(tf.cast(flags, tf.int64)), [[1, 0]])


def end_of_last(wanted: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """The last place up to each of `ends` that has a wanted one before it, 0 where there is none; `wanted` is [N]."""
    places = tf.pad(tf.where(wanted)[:, 0] + 1, [[1, 0]])
    return tf.gather(places, tf.gather(counts_before(wanted), ends))


def row_ids(row_splits: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """For every one of the flat `values`, the row it stands in, int64.

    As `RaggedTensor.value_rowids`, which pads all rows to the longest on its way: one long text, and memory is out.
    """
    return tf.searchsorted(row_splits, tf.range(tf.size(values, tf.int64)), side="right", out_type=tf.int64) - 1
