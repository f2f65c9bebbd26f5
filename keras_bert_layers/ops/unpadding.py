"""The real tokens of a batch without its padding, and back."""

from typing import NamedTuple

from keras import ops

from keras_bert_layers.ops.masking import check_mask_rank


class Unpadding(NamedTuple):
    """Where the T real tokens of a batch [B, S] stand.

    A plain tuple of the three does as well: it is what a model from a file passes on.

    Args:
        token_index: int32 [T]. The place b · S + s of each real token, in order; of one, where none is real.
        row_index: int32 [B · S]. Which of the T tokens stands at a place; 0 at padding.
        mask: bool [B, S]; True = a real token.
    """

    token_index: object
    row_index: object
    mask: object


def unpadding(mask) -> Unpadding:
    """The places of the real tokens of a mask, int or bool [B, S], 1 = a real token: anywhere in the row."""
    check_mask_rank("padding_mask", mask, 2)
    mask = ops.cast(mask, "bool")
    flat = ops.reshape(mask, (-1,))
    # A batch of nothing but padding keeps its first place, for the others to point at.
    flat = ops.concatenate([ops.logical_or(flat[:1], ops.logical_not(ops.any(flat))), flat[1:]])
    token_index = ops.cast(ops.nonzero(flat)[0], "int32")
    return Unpadding(token_index, ops.where(flat, ops.cumsum(ops.cast(flat, "int32")) - 1, 0), mask)


def check_rows(inputs, layout: Unpadding) -> None:
    """Raises a ValueError unless `inputs` are the rows of tokens, [T, H], that a layout has places for."""
    if len(inputs.shape) != 2:
        raise ValueError(
            "A `layout` goes with the real tokens alone, [tokens, width]. Received inputs of rank "
            f"{len(inputs.shape)}, shape {tuple(inputs.shape)}. Take the tokens out first, with the layer Unpad, or "
            "leave `layout` out."
        )
    given, expected = inputs.shape[0], layout.token_index.shape[0]
    if None not in (given, expected) and given != expected:
        raise ValueError(
            f"This `layout` has places for {expected} tokens. Received {given}, in inputs of shape "
            f"{tuple(inputs.shape)}. Give the layout that came with these tokens, and all of them."
        )


def unpad(inputs, layout: Unpadding | None):
    """The rows of the real tokens: [B, S, H] -> [T, H]; without a layout, `inputs` as they are.

    Its gradient is the reverse gather, with zeros at padding: a scatter, which TensorFlow would derive, is slow.

    Reference:
        Zhai et al. 2022, ByteTransformer (arXiv:2210.03052), section III-C.
    """
    if layout is None:
        return inputs
    layout = Unpadding(*layout)

    @ops.custom_gradient
    def gather(rows):
        def gradient(upstream):
            padded = ops.take(upstream, layout.row_index, axis=0)
            return ops.where(ops.reshape(layout.mask, (-1, 1)), padded, ops.zeros_like(padded))

        return ops.take(rows, layout.token_index, axis=0), gradient

    return gather(ops.reshape(inputs, (-1, inputs.shape[-1])))


def repad(inputs, layout: Unpadding | None):
    """Every token's row at its place: [T, H] -> [B, S, H]; without a layout, `inputs` as they are.

    At padding stands the row of some token, and no gradient comes back from there: for a function that does not look
    at padding, as attention under a mask. Its gradient is a gather as well.
    """
    if layout is None:
        return inputs
    layout = Unpadding(*layout)
    check_rows(inputs, layout)

    @ops.custom_gradient
    def gather(rows):
        def gradient(upstream):
            return ops.take(upstream, layout.token_index, axis=0)

        return ops.take(rows, layout.row_index, axis=0), gradient

    batch, length = ops.shape(layout.mask)
    return ops.reshape(gather(inputs), (batch, length, inputs.shape[-1]))


def first_positions(inputs, count: int, layout: Unpadding | None = None):
    """The rows of the first positions: [B, S, H] -> [B, Q, H], Q = min(count, S); with a layout from [T, H].

    At padding stands the row of some token, and no gradient comes back from there.

    Raises:
        ValueError: if `count` is not a positive integer.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"The number of first positions to keep must be a positive integer. Received: {count!r}.")
    if layout is None:
        return inputs[:, :count]
    layout = Unpadding(*layout)
    check_rows(inputs, layout)
    batch, length = ops.shape(layout.mask)
    places = ops.reshape(layout.row_index, (batch, length))[:, :count]

    @ops.custom_gradient
    def gather(rows):
        def gradient(upstream):
            kept, (row, position) = ops.shape(upstream)[1], _row_and_position(layout)
            upstream = ops.reshape(upstream, (-1, rows.shape[-1]))
            own = ops.take(upstream, row * kept + ops.minimum(position, kept - 1), axis=0)
            return ops.where((position < kept)[:, None], own, ops.zeros_like(own))

        return ops.take(rows, places, axis=0), gradient

    return gather(inputs)


def repad_heads(inputs, layout: Unpadding, num_heads: int):
    """`repad` and the cut into heads in one pass over memory: [T, N·D] -> [B, N, S, D].

    At padding stands the row of some token, and no gradient comes back from there.
    """
    layout = Unpadding(*layout)
    check_rows(inputs, layout)

    @ops.custom_gradient
    def gather(rows):
        def gradient(upstream):
            return _take(upstream, _places_of_tokens(layout, num_heads))

        return _take(rows, _tokens_of_places(layout, num_heads)), gradient

    return gather(ops.reshape(inputs, (-1, num_heads, inputs.shape[-1] // num_heads)))


def _take(inputs, index):
    return ops.take(ops.reshape(inputs, (-1, inputs.shape[-1])), index, axis=0)


def _tokens_of_places(layout, num_heads):
    """int32 [B, N, S]: which row of [T · N, D] stands at a place of a head."""
    row_index = ops.reshape(layout.row_index, ops.shape(layout.mask))
    return row_index[:, None, :] * num_heads + ops.arange(num_heads, dtype="int32")[None, :, None]


def _places_of_tokens(layout, num_heads):
    """int32 [T, N]: which row of [B · N · S, D] is that of a token and a head."""
    length, (row, position) = ops.shape(layout.mask)[1], _row_and_position(layout)
    return ((row[:, None] * num_heads) + ops.arange(num_heads, dtype="int32")) * length + position[:, None]


def _row_and_position(layout):
    """int32 [T] each: the row of the batch in which a token stands, and where in it."""
    length = ops.shape(layout.mask)[1]
    return layout.token_index // length, layout.token_index % length
