"""Token ids of one or two texts, framed, cut and padded as BERT's input."""

import tensorflow as tf

TRUNCATIONS = ("longest_first", "only_first", "only_second")
PADDINGS = ("longest", "max")


@tf.autograph.experimental.do_not_convert
def pack_segments(
    first,
    second=None,
    *,
    cls_id: int,
    sep_id: int,
    pad_id: int,
    sequence_length: int = 512,
    padding: str = "longest",
    truncation: str = "longest_first",
    pad_to_multiple_of: int | None = None,
) -> dict[str, tf.Tensor]:
    """[CLS] first [SEP], or [CLS] first [SEP] second [SEP], cut to a length and padded.

    With k = S - 3 places for n₁ + n₂ > k ids of a pair, `"longest_first"` keeps s = min(n₁, n₂, ⌊k/2⌋) ids of the
    shorter segment and k - s of the longer (of two equally long ones, the second counts as the longer): one id after
    the other is taken from the end of whichever is longer, as in Hugging Face's fast tokenizers. `"only_second"` and
    `"only_first"` shorten that segment, and the other one only when nothing of it is left.

    Args:
        first, second: int ids, a RaggedTensor [B, None] for a batch or a Tensor [None] for one example. A dense
            [B, S] tensor counts as rows without padding. `second` may be None.
        cls_id, sep_id, pad_id: ids of the special tokens.
        sequence_length: int, at least 3 (5 for pairs). The longest result.
        padding: `"longest"` pads to the longest row of the batch, `"max"` to `sequence_length`.
        truncation: `"longest_first"`, `"only_first"` or `"only_second"`.
        pad_to_multiple_of: int or None. With `"longest"`, rounds the length up (but not beyond `sequence_length`).

    Returns:
        dict of int32 [B, S] (or [S]): `token_ids`, `segment_ids` (0, in the second segment and its [SEP] 1) and
        `padding_mask` (1 = a token).

    Raises:
        ValueError: if an argument is none of those, or the ids have another shape or dtype.

    Example:
        >>> features = pack_segments(tf.constant([5, 6, 7]), tf.constant([8]), cls_id=1, sep_id=2, pad_id=0,
        ...                          sequence_length=6)
        >>> features["token_ids"].numpy().tolist(), features["segment_ids"].numpy().tolist()
        ([1, 5, 6, 2, 8, 2], [0, 0, 0, 0, 1, 1])
    """
    check_packing(sequence_length, padding, truncation, pad_to_multiple_of)
    if second is not None and sequence_length < 5:
        raise ValueError(
            f"A pair needs `sequence_length` of at least 5 ([CLS] a [SEP] b [SEP]). Received: {sequence_length}."
        )
    first, single = _rows(first, "first")
    segments = [first] if second is None else [first, _rows(second, "second")[0]]
    lengths = [tf.cast(segment.row_lengths(), tf.int32) for segment in segments]
    room = sequence_length - 1 - len(segments)
    kept = [tf.minimum(lengths[0], room)] if second is None else _kept(*lengths, room, truncation)

    if padding == "max":
        size = sequence_length
    else:
        longest = tf.reduce_max(tf.concat([tf.add_n(kept), [0]], axis=0))
        size = longest + 1 + len(segments)
        if pad_to_multiple_of is not None:
            size = tf.minimum(-(-size // pad_to_multiple_of) * pad_to_multiple_of, sequence_length)
    position = tf.range(size)[tf.newaxis]

    # Every output place knows where its id stands in one pool of all ids: a single gather fills them all.
    pool = tf.concat([segment.values for segment in segments] + [tf.constant([cls_id, sep_id, pad_id])], axis=0)
    cls_at = tf.size(pool) - 3
    source, end = tf.fill([tf.size(lengths[0]), size], cls_at), tf.ones_like(lengths[0])
    segment_ids, offset = tf.zeros_like(source), 0
    for number, (segment, count) in enumerate(zip(segments, kept, strict=True)):
        begin = end[:, tf.newaxis]
        rows_start = tf.cast(segment.row_starts(), tf.int32)[:, tf.newaxis] + offset
        source = tf.where(position >= begin, rows_start + position - begin, source)
        offset += tf.size(segment.values)
        end += count
        source = tf.where(position == end[:, tf.newaxis], cls_at + 1, source)
        end += 1
        if number:
            segment_ids = tf.cast((position >= begin) & (position < end[:, tf.newaxis]), tf.int32)
    is_token = position < end[:, tf.newaxis]
    features = {
        "token_ids": tf.gather(pool, tf.where(is_token, source, cls_at + 2)),
        "segment_ids": segment_ids,
        "padding_mask": tf.cast(is_token, tf.int32),
    }
    return {name: feature[0] for name, feature in features.items()} if single else features


def check_packing(sequence_length: int, padding: str, truncation: str, pad_to_multiple_of: int | None) -> None:
    """Raises a ValueError if the settings of `pack_segments` make no sense."""
    if not isinstance(sequence_length, int) or sequence_length < 3:
        raise ValueError(
            f"`sequence_length` must be an integer of at least 3 ([CLS] a [SEP]). Received: {sequence_length!r}."
        )
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}. Received: {padding!r}.")
    if truncation not in TRUNCATIONS:
        raise ValueError(f"`truncation` must be one of {TRUNCATIONS}. Received: {truncation!r}.")
    if pad_to_multiple_of is not None and (padding != "longest" or pad_to_multiple_of < 1):
        raise ValueError(
            "`pad_to_multiple_of` must be a positive integer and goes with padding='longest'. "
            f"Received: {pad_to_multiple_of!r} with padding={padding!r}."
        )


def _rows(ids, name):
    """`ids` as a RaggedTensor [B, None] of int32, and whether they were one example."""
    if not isinstance(ids, tf.RaggedTensor):
        ids = tf.convert_to_tensor(ids)
    if not ids.dtype.is_integer or ids.shape.rank not in (1, 2):
        raise ValueError(
            f"`{name}` must be integer token ids, a RaggedTensor [B, None] or a Tensor [None]. "
            f"Received {ids.dtype.name} of shape {ids.shape}. Strings go through BertPreprocessor."
        )
    single = ids.shape.rank == 1
    if not isinstance(ids, tf.RaggedTensor):
        ids = tf.RaggedTensor.from_tensor(ids[tf.newaxis] if single else ids)
    return tf.cast(ids, tf.int32), single


def _kept(first, second, room, truncation):
    """How many ids of each segment remain, int32 [B] each."""
    if truncation == "only_second":
        first = tf.minimum(first, room)
        return first, tf.minimum(second, room - first)
    if truncation == "only_first":
        second = tf.minimum(second, room)
        return tf.minimum(first, room - second), second
    shorter = tf.minimum(tf.minimum(first, second), room // 2)
    cut = tf.where(first > second, tf.stack([room - shorter, shorter]), tf.stack([shorter, room - shorter]))
    return tuple(tf.unstack(tf.where(first + second > room, cut, tf.stack([first, second]))))
