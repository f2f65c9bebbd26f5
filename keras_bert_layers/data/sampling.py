"""What the makers of pretraining examples draw, and from which random stream."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """The uses of randomness within one (seed, epoch). Each is a stream of its own: none repeats another's draws."""

    PAIRS = 1
    SEQUENCES = 2
    ORDER = 3


def generator(seed: int, epoch: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """A generator that depends on its arguments alone."""
    return np.random.default_rng([seed, epoch, stream, index])


def target_length(rng: np.random.Generator, max_tokens: int, short_sequence_probability: float) -> int:
    """`max_tokens`, or with the given probability a length drawn from 2 to `max_tokens`."""
    return int(rng.integers(2, max_tokens + 1)) if rng.random() < short_sequence_probability else max_tokens


def check_arguments(
    sequence_length: int, shortest: int, seed: int, epoch: int, short_sequence_probability: float
) -> None:
    """Raises a ValueError that names the first argument out of range."""
    if sequence_length < shortest:
        raise ValueError(f"`sequence_length` must be at least {shortest}. Received: {sequence_length}.")
    if seed < 0 or epoch < 0:
        raise ValueError(f"`seed` and `epoch` must not be negative. Received: seed={seed}, epoch={epoch}.")
    if not 0 <= short_sequence_probability <= 1:
        raise ValueError(f"`short_sequence_probability` must be in [0, 1]. Received: {short_sequence_probability}.")
