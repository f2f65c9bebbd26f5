"""How a checkpoint lays a tensor out, compared with the weights here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layout:
    """One tensor of a checkpoint beside the weights it holds.

    Args:
        shape: shapes of the weights here -> the shape of the tensor there.
        read: the tensor, shapes of the weights -> the weights, in their order. They may be views.
        write: the weights -> the tensor, in any order in memory; the inverse of `read`.
    """

    shape: Callable[[Sequence[tuple]], tuple]
    read: Callable[[np.ndarray, Sequence[tuple]], Sequence[np.ndarray]]
    write: Callable[[Sequence[np.ndarray]], np.ndarray]


SAME = Layout(
    shape=lambda shapes: shapes[0],
    read=lambda tensor, shapes: [tensor],
    write=lambda weights: weights[0],
)

# A matrix as PyTorch keeps it, [out, in].
TRANSPOSED = Layout(
    shape=lambda shapes: shapes[0][::-1],
    read=lambda tensor, shapes: [tensor.T],
    write=lambda weights: weights[0].T,
)

# Matrices of one input as PyTorch keeps them, one below the other: a fused query, key and value, [3 · out, in].
STACKED = Layout(
    shape=lambda shapes: (sum(shape[1] for shape in shapes), shapes[0][0]),
    read=lambda tensor, shapes: [part.T for part in np.split(tensor, len(shapes))],
    write=lambda weights: np.concatenate([weight.T for weight in weights]),
)

# The biases of such matrices, one behind the other.
JOINED = Layout(
    shape=lambda shapes: (sum(shape[0] for shape in shapes),),
    read=lambda tensor, shapes: np.split(tensor, len(shapes)),
    write=np.concatenate,
)


def heads_out(num_heads: int) -> Layout:
    """A projection into heads with its last axis cut: a kernel [in, heads, size], a bias [heads, size]."""
    return _reshaped(lambda shape: (*shape[:-1], num_heads, shape[-1] // num_heads))


def heads_in(num_heads: int) -> Layout:
    """The projection that joins the heads, with its first axis cut: [heads, size, out]."""
    return _reshaped(lambda shape: (num_heads, shape[0] // num_heads, *shape[1:]))


def _reshaped(there: Callable[[tuple], tuple]) -> Layout:
    return Layout(
        shape=lambda shapes: there(shapes[0]),
        read=lambda tensor, shapes: [tensor.reshape(shapes[0])],
        write=lambda weights: weights[0].reshape(there(weights[0].shape)),
    )
