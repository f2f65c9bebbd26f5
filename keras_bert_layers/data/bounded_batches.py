"""Batches of few shapes: each padded to one of some given lengths, for programs that are compiled for every shape."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.sampling import Stream, generator


def bounded_batches(
    lengths: np.ndarray,
    batch_size: int,
    bounds: Sequence[int],
    seed: int | None = None,
    epoch: int = 0,
    drop_remainder: bool = True,
) -> list[np.ndarray]:
    """The numbers of the examples, in batches whose examples are rounded up to the same bound.

    The examples of a bound that fill no batch join those of the next longer one, so that what is dropped, or makes a
    smaller batch, is less than one batch of all.

    Args:
        lengths: int [N], none above the last bound.
        batch_size: int > 0.
        bounds: ascending lengths.
        seed: int >= 0; `None` for an order that is not shuffled, longest first. Defaults to `None`.
        epoch: int >= 0. Defaults to 0.
        drop_remainder: bool. Whether the last, smaller batch of the longest examples is left out. Defaults to `True`.

    Example:
        >>> lengths = np.array([3, 9, 4, 8, 1, 10])
        >>> [batch.tolist() for batch in bounded_batches(lengths, 2, bounds=(4, 8, 16))]
        [[1, 5], [4, 3], [0, 2]]
    """
    rng = None if seed is None else generator(seed, epoch, Stream.ORDER)
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    bound_of, batches, left = np.searchsorted(bounds, lengths[order]), [], order[:0]
    for number in range(len(bounds)):
        rows = np.concatenate([left, order[bound_of == number]])
        whole = len(rows) // batch_size * batch_size
        batches += list(rows[:whole].reshape(-1, batch_size))
        left = rows[whole:]
    if len(left) and not drop_remainder:
        batches.append(left)
    return batches[::-1] if rng is None else [batches[number] for number in rng.permutation(len(batches))]


def check_bounds(bounds: Sequence[int], lengths: np.ndarray, batch_size: int, drop_remainder: bool) -> tuple[int, ...]:
    """The bounds in order.

    Raises:
        ValueError: if one is no length, an example is longer than all of them, or no batch would be full.
    """
    if any(int(bound) != bound or bound < 1 for bound in bounds):
        raise ValueError(f"`bounds` must be lengths from 1 on, such as (32, 64, 128). Received: {tuple(bounds)}.")
    bounds = tuple(sorted({int(bound) for bound in bounds}))
    longest = int(np.max(lengths))
    if longest > bounds[-1]:
        raise ValueError(
            f"The longest example has the length {longest}, and the last of `bounds` is {bounds[-1]}. Add a longer "
            f"bound, or truncate the examples and give their `lengths` as np.minimum(lengths, {bounds[-1]})."
        )
    if drop_remainder and len(lengths) < batch_size:
        raise ValueError(
            f"{len(lengths)} examples make no batch of {batch_size}, and a smaller one is dropped where there are "
            "`bounds`. Make `batch_size` smaller, or pass drop_remainder=False."
        )
    return bounds


def pad_to_length(features: dict[str, tf.Tensor], length, pad_id: int = 0) -> dict[str, tf.Tensor]:
    """Features [B, S] of a preprocessor, padded at the end to [B, length].

    Args:
        features: `token_ids` are padded with `pad_id`, all else of two axes with 0. `mask_positions`, which have a
            length of their own, and what has another number of axes stay as they are.
        length: int, or int32 scalar tensor. Shorter than S is an error when it runs.
        pad_id: int. Defaults to 0.

    Example:
        >>> features = {"token_ids": tf.constant([[2, 7, 3]]), "padding_mask": tf.ones([1, 3], tf.int32)}
        >>> {name: value.numpy().tolist() for name, value in pad_to_length(features, 5).items()}
        {'token_ids': [[2, 7, 3, 0, 0]], 'padding_mask': [[1, 1, 1, 0, 0]]}
    """
    present = tf.shape(features["token_ids"])[1]
    fits = tf.debugging.Assert(
        present <= length,
        ["The features are longer than what they are padded to. Count special tokens in `lengths`.", present, length],
    )
    with tf.control_dependencies([fits] if fits is not None else []):
        missing = tf.identity(length - present)
    return {
        name: tf.pad(value, [[0, 0], [0, missing]], constant_values=pad_id if name == "token_ids" else 0)
        if value.shape.rank == 2 and name != "mask_positions"
        else value
        for name, value in features.items()
    }
