"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_bert_layers.ops.attention_choice import takes_fused_form
from keras_bert_layers.ops.fused_attention import fused_attention
from keras_bert_layers.ops.unpadding import Unpadding, repad, repad_heads

# Far below every score, and far enough from the end of float32 that a score can be added.
_LOWEST = float(np.finfo("float32").min) / 2


def split_heads(inputs, num_heads: int, rotate: Callable | None = None, layout: Unpadding | None = None):
    """Cuts the last axis into heads: [B, S, N·D] -> [B, N, S, D].

    Args:
        inputs: float [B, S, N·D]; with a `layout` [T, N·D], the real tokens only.
        num_heads: int. N.
        rotate: function of the heads while they are [B, S, N, D], to the same shape: where queries and keys learn
            their positions. Defaults to none.
        layout: where the tokens stand in the batch. The heads of padding are then those of some token, and no gradient
            comes back from there. Defaults to none.
    """
    if layout is not None and rotate is None:
        return repad_heads(inputs, layout, num_heads)
    inputs = repad(inputs, layout)
    batch, length = ops.shape(inputs)[:2]
    heads = ops.reshape(inputs, (batch, length, num_heads, inputs.shape[-1] // num_heads))
    return ops.transpose(heads if rotate is None else rotate(heads), (0, 2, 1, 3))


def merge_heads(heads):
    """Concatenates the heads again: [B, N, S, D] -> [B, S, N·D]."""
    batch, _, length, _ = ops.shape(heads)
    return ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (batch, length, heads.shape[1] * heads.shape[3]))


def attention_weights(query, key, mask=None):
    """softmax(Q Kᵀ / √D) over the keys (eq. 1, without V), the softmax in float32.

    Args:
        query, key: float [B, N, S, D].
        mask: bool, broadcastable to [B, N, S, S]; True where a query may attend.

    Returns:
        float32 [B, N, S, S]. A row with nothing to attend to is all zeros, never NaN.
    """
    weights = _softmax_of_scores(query, key, mask)
    return weights if mask is None else ops.where(mask, weights, 0.0)


def attend(weights, value):
    """weights · V: float [B, N, S, S] and [B, N, S, D] -> [B, N, S, D] in the dtype of `value`."""
    return ops.matmul(ops.cast(weights, value.dtype), value)


def attention(
    query,
    key,
    value,
    mask=None,
    dropout: Callable | None = None,
    lengths=None,
    flash_attention: bool | None = None,
):
    """softmax(Q Kᵀ / √D) V (eq. 1).

    Where `explain_attention` says so, one kernel of cuDNN computes it; its numbers are those of half precision.

    Args:
        query: float [B, N, Q, D], of the first Q ≤ S positions.
        key, value: float [B, N, S, D].
        mask: bool, broadcastable to [B, N, Q, S]; True where a query may attend.
        dropout: function of the float32 weights, applied before they meet V. Defaults to none.
        lengths: int [B], instead of `mask`: positions from there on are padding, of queries and of keys. The fused
            form skips them, where it computes what `mask` hides. Defaults to none.
        flash_attention: bool. `True` takes the fused form or fails, `False` never takes it. Defaults to `None`: where
            it can be, until `keras.config.disable_flash_attention()` is called.

    Returns:
        float [B, N, Q, D]. A query with nothing to attend to, or past the length of its row, gets zeros; a row of
        negative length NaN.

    Raises:
        ValueError: if `mask` and `lengths` are both given; or if `flash_attention=True` where it cannot be fused.
    """
    if mask is not None and lengths is not None:
        raise ValueError(
            "`attention` takes a `mask` or `lengths`, and received both. A mask says what lengths do: give it alone."
        )
    if takes_fused_form(query, key, value, mask, dropout, flash_attention):
        context = fused_attention(query, key, value, mask, lengths)
    else:
        context = _separate_attention(query, key, value, mask, dropout, lengths)
    if lengths is None:
        return context
    return ops.where(lengths[:, None, None, None] < 0, ops.cast(float("nan"), context.dtype), context)


def _separate_attention(query, key, value, mask, dropout, lengths):
    real = None
    if lengths is not None:
        real = ops.arange(ops.shape(key)[2], dtype="int32")[None, None, :] < ops.cast(lengths, "int32")[:, None, None]
        mask = real[:, :, None, :]
    weights = _softmax_of_scores(query, key, mask)
    context = attend(weights if dropout is None else dropout(weights), value)
    if mask is None:
        return context
    real = ops.any(mask, axis=-1, keepdims=True) if real is None else real[:, :, : ops.shape(query)[2], None]
    return context * ops.cast(real, context.dtype)


def _softmax_of_scores(query, key, mask):
    """The weights, but for rows with nothing to attend to, which have the same for every key."""
    scores = ops.cast(_product_with_transposed(query, key) * query.shape[-1] ** -0.5, "float32")
    # A sum with what is masked fuses into the product on CPU; a selection does not.
    return ops.softmax(scores if mask is None else scores + ops.where(mask, 0.0, _LOWEST))


def _product_with_transposed(query, key):
    if keras.backend.backend() != "tensorflow":
        return ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
    import tensorflow as tf

    # The product reads the keys as they are, where a transposition would copy them first.
    return tf.matmul(query, key, transpose_b=True)
