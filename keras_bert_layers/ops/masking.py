"""Which position may attend to which: every kind of mask becomes one boolean attention mask."""

from keras import ops


def attention_mask(padding_mask=None, attention_mask=None, pack_ids=None, window=None):
    """The positions that each query may attend to: the conjunction of the masks that are given.

    allowed[b, i, j] = padding_mask[b, j] ∧ attention_mask[b, i, j] ∧ (pack_ids[b, i] = pack_ids[b, j] ≠ 0)
        ∧ window[b, i, j]

    Args:
        padding_mask: [B, S], int or bool; 1 = a real token.
        attention_mask: [B, S, S], int or bool; 1 = query i may attend to key j.
        pack_ids: int [B, S]; the packed sequence that a position belongs to, 0 = padding. Block-diagonal attention:
            no sequence sees another (Krell et al. 2021, arXiv:2107.02027).
        window: [B or 1, S, S], int or bool; the same as `attention_mask`, of the layer instead of the call. The
            positions of a packed sequence stand side by side, so that a distance in the row is one in the sequence.

    Returns:
        bool [B or 1, 1, S or 1, S], ready to broadcast over heads, or None when no mask is given.

    Raises:
        ValueError: if a mask has the wrong rank.
    """
    allowed = []
    if padding_mask is not None:
        check_mask_rank("padding_mask", padding_mask, 2)
        allowed.append(ops.cast(padding_mask, "bool")[:, None, None, :])
    for name, pairs in (("attention_mask", attention_mask), ("window", window)):
        if pairs is not None:
            check_mask_rank(name, pairs, 3)
            allowed.append(ops.cast(pairs, "bool")[:, None, :, :])
    if pack_ids is not None:
        check_mask_rank("pack_ids", pack_ids, 2)
        same_pack = ops.equal(pack_ids[:, None, :, None], pack_ids[:, None, None, :])
        allowed.append(ops.logical_and(same_pack, ops.not_equal(pack_ids, 0)[:, None, None, :]))
    if not allowed:
        return None
    combined = allowed[0]
    for mask in allowed[1:]:
        combined = ops.logical_and(combined, mask)
    return combined


def sliding_window(length, window_size: int):
    """Which keys stand near enough to each query: allowed[i, j] = |i - j| ≤ ⌊w / 2⌋, w the window size.

    Args:
        length: int or int scalar. The number of positions S.
        window_size: int. The window w: half of it on either side, besides the query itself.

    Returns:
        bool [1, S, S].
    """
    positions = ops.arange(length, dtype="int32")
    return (ops.abs(positions[:, None] - positions[None, :]) <= window_size // 2)[None]


def check_mask_rank(name: str, mask, rank: int) -> None:
    """Raises a ValueError unless `mask` has `rank` axes: 2 is a mask over tokens, 3 one over pairs of them."""
    if len(mask.shape) == rank:
        return
    axes = {2: "[batch, length]", 3: "[batch, query length, key length]"}
    other = {2: "attention_mask", 3: "padding_mask"}
    raise ValueError(
        f"`{name}` must have rank {rank}, {axes[rank]}. Received rank {len(mask.shape)}, shape {tuple(mask.shape)}. "
        f"Reshape it, or pass a mask of shape {axes[5 - rank]} as `{other[rank]}`."
    )


def clear_padding(inputs, padding_mask=None):
    """Zeros at padding: float [B, S, H] under an int or bool mask [B, S]; without a mask, `inputs` as they are."""
    if padding_mask is None:
        return inputs
    check_mask_rank("padding_mask", padding_mask, 2)
    return ops.where(ops.cast(padding_mask, "bool")[:, :, None], inputs, ops.zeros_like(inputs))


def floor_padding(logits, padding_mask=None):
    """`logits` at real positions and -10,000 at padding, where a softmax over positions then gives nothing.

    Args:
        logits: float [B, S, C].
        padding_mask: int or bool [B, S]; 1 = a real token. None leaves the logits as they are.

    Returns:
        float [B, S, C], finite in every float dtype.
    """
    if padding_mask is None:
        return logits
    check_mask_rank("padding_mask", padding_mask, 2)
    real = ops.cast(padding_mask, "bool")[:, :, None]
    return ops.where(real, logits, ops.full_like(logits, -1e4))
