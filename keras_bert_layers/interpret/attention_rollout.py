"""From the attention of single layers to what reaches the top from every input token."""

import numpy as np


def attention_rollout(attention: np.ndarray, residual: bool = True) -> np.ndarray:
    """R_l = Â_l R_{l-1}, R_0 = I, Â_l = ½ mean_n A_{l,n} + ½ I with rows of sum 1: all paths down, weighed together.

    Args:
        attention: float [..., L, N, S, S], such as `inspect` and `attention_model` give.
        residual: bool. Whether half of every Â is the identity, for the connection around the attention. Defaults to
            `True`.

    Returns:
        float64 [..., L, S, S]: how much of token j's input (column) is in token i (row) behind layer l. Rows have a
        sum of 1, or are zeros where a query may attend to nothing and there is no residual.

    Raises:
        ValueError: if `attention` has another shape.

    Example:
        >>> a = np.full((2, 1, 2, 2), 0.5)
        >>> attention_rollout(a)[-1]
        array([[0.625, 0.375],
               [0.375, 0.625]])

    Reference:
        Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers (arXiv:2005.00928), section 3.
    """
    mixing = layer_mixing(attention, residual)
    rolled = [mixing[..., 0, :, :]]
    for layer in range(1, mixing.shape[-3]):
        rolled.append(mixing[..., layer, :, :] @ rolled[-1])
    return np.stack(rolled, axis=-3)


def layer_mixing(attention: np.ndarray, residual: bool) -> np.ndarray:
    """Â, float64 [..., L, S, S]: the mean over the heads that are there, with the residual, rows of sum 1."""
    attention = np.asarray(attention, "float64")
    if attention.ndim < 4 or attention.shape[-1] != attention.shape[-2]:
        raise ValueError(
            f"`attention` must have the shape [..., layers, heads, length, length]. Received: {attention.shape}."
        )
    mixing = _rows_of_one(attention.sum(-3))
    return _rows_of_one(mixing + np.eye(attention.shape[-1])) if residual else mixing


def _rows_of_one(rows):
    sums = rows.sum(-1, keepdims=True)
    return np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
