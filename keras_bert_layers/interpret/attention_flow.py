"""The greatest flow from a token at the top to an input token, through the attention as a network of pipes."""

from collections.abc import Sequence

import numpy as np

from keras_bert_layers.interpret.attention_rollout import layer_mixing

_EMPTY = 1e-12


def attention_flow(attention: np.ndarray, positions: Sequence[int] | None = None, residual: bool = True) -> np.ndarray:
    """F[i, j] = the maximum flow from token i behind the last layer to input token j, with capacities Â_l[i, j].

    Where rollout multiplies along a path, a flow is limited by its narrowest place. It takes a maximum flow for every
    pair (Edmonds and Karp's, here in NumPy): for long texts, ask for some `positions`.

    Args:
        attention: float [L, N, S, S] of one text, such as `inspect` gives.
        positions: the tokens i that are asked for. Defaults to `None`: all.
        residual: bool. As in `attention_rollout`. Defaults to `True`.

    Returns:
        float64 [len(positions), S].

    Raises:
        ValueError: if `attention` has another shape, or a position is not there.

    Example:
        >>> a = np.full((2, 1, 2, 2), 0.5)
        >>> attention_flow(a, positions=[0])
        array([[1. , 0.5]])

    Reference:
        Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers (arXiv:2005.00928), section 3.
    """
    attention = np.asarray(attention)
    if attention.ndim != 4:
        raise ValueError(
            f"`attention` must be that of one text, [layers, heads, length, length]. Received: {attention.shape}."
        )
    mixing = layer_mixing(attention, residual)
    num_layers, length = mixing.shape[:2]
    positions = range(length) if positions is None else positions
    if not all(0 <= position < length for position in positions):
        raise ValueError(f"`positions` must be tokens from 0 to {length - 1}. Received: {list(positions)}.")
    # Node l · S + i is token i behind layer l.
    capacity = np.zeros(((num_layers + 1) * length,) * 2)
    for layer in range(num_layers):
        upper, lower = (layer + 1) * length, layer * length
        capacity[upper : upper + length, lower : lower + length] = mixing[layer]
    top = num_layers * length
    return np.array([[_max_flow(capacity, top + i, j) for j in range(length)] for i in positions])


def _max_flow(capacity, source, sink) -> float:
    """The maximum flow, by shortest augmenting paths."""
    left, flow = capacity.copy(), 0.0
    while (path := _path(left, source, sink)) is not None:
        narrowest = min(left[a, b] for a, b in path)
        for a, b in path:
            left[a, b] -= narrowest
            left[b, a] += narrowest
        flow += narrowest
    return flow


def _path(left, source, sink):
    """The edges of a shortest path on which something can still flow, or None."""
    parent = np.full(len(left), -1)
    parent[source] = source
    frontier = np.array([source])
    while parent[sink] < 0 and len(frontier):
        open_edges = left[frontier] > _EMPTY
        found = np.flatnonzero(open_edges.any(0) & (parent < 0))
        parent[found] = frontier[open_edges[:, found].argmax(0)]
        frontier = found
    if parent[sink] < 0:
        return None
    edges, node = [], sink
    while node != source:
        edges.append((parent[node], node))
        node = parent[node]
    return edges
