"""Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2)."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

# Far below every score, and far enough from the end of float32 that a score can be added.
_LOWEST = float(np.finfo("float32").min) / 2


def split_heads(inputs, num_heads: int, rotate: Callable | None = None):
    """Cuts the last axis into heads: [B, S, N·D] -> [B, N, S, D].

    Args:
        inputs: float [B, S, N·D].
        num_heads: int. N.
        rotate: function of the heads while they are [B, S, N, D], to the same shape: where queries and keys learn
            their positions. Defaults to none.
    """
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


def attention(query, key, value, mask=None, dropout: Callable | None = None):
    """softmax(Q Kᵀ / √D) V (eq. 1).

    Args:
        query, key, value: float [B, N, S, D].
        mask: bool, broadcastable to [B, N, S, S]; True where a query may attend.
        dropout: function of the float32 weights, applied before they meet V. Defaults to none.

    Returns:
        float [B, N, S, D]. A query with nothing to attend to gets zeros.
    """
    weights = _softmax_of_scores(query, key, mask)
    context = attend(weights if dropout is None else dropout(weights), value)
    if mask is None:
        return context
    return context * ops.cast(ops.any(mask, axis=-1, keepdims=True), context.dtype)


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
