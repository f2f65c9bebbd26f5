"""Examples of like length in one batch, so that little is computed on padding."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.bounded_batches import bounded_batches, check_bounds
from keras_bert_layers.data.sampling import Stream, generator
from keras_bert_layers.ops.row_share import Share, check_share, rows_of_share

# Batches whose examples are drawn together before they are sorted: within so many, no length is tied to a time.
_POOL = 50


def length_batches(
    lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int | None = None, epoch: int = 0
) -> list[np.ndarray]:
    """The numbers of the examples, in batches of like length.

    With a seed, examples are shuffled, those of 50 batches at a time sorted by length and cut into batches, and the
    batches shuffled: a batch holds like lengths, and lengths come in no order. Without, all are sorted and the longest
    come first: what is too much for the memory fails at once, and the time left is never estimated too short.

    Args:
        lengths: int [N]. Of each example, in whatever the padding grows with: tokens, or characters as an estimate.
        batch_size: int > 0. The last batch may have fewer.
        seed: int >= 0. Defaults to `None`: not shuffled, for evaluation and prediction.
        epoch: int >= 0. Another order for each. Defaults to 0.

    Returns:
        Arrays of int64; every number from 0 to N - 1 stands in one of them once.

    Raises:
        ValueError: if `batch_size` is not positive, a number is negative, or `lengths` is no vector.

    Example:
        >>> [batch.tolist() for batch in length_batches([3, 9, 4, 8, 1], batch_size=2)]
        [[1, 3], [2, 0], [4]]
    """
    lengths = np.asarray(lengths)
    _check(lengths, batch_size, seed, epoch)
    if seed is None:
        return _cut(np.argsort(-lengths, kind="stable"), batch_size)
    rng = generator(seed, epoch, Stream.ORDER)
    order = rng.permutation(len(lengths))
    pools = _cut(order, _POOL * batch_size)
    batches = [batch for pool in pools for batch in _cut(pool[np.argsort(-lengths[pool], kind="stable")], batch_size)]
    return [batches[number] for number in rng.permutation(len(batches))]


def bucketed_dataset(
    columns: Any,
    prepare: Callable,
    lengths: Sequence[int] | np.ndarray,
    batch_size: int,
    *,
    epochs: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    start_step: int = 0,
    share: Share = (0, 1),
    bounds: Sequence[int] | None = None,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Batches of examples of like length from data in memory, as `fit` takes them, beginning at any step.

    The order follows from the seed and the epoch alone (`length_batches`), so that a run can be repeated, and continued
    by `start_step`. Every epoch has each example once; its last batches may be smaller than the others.

    With `bounds`, the batches have few shapes, as a program that XLA compiles for each of them wants it: all examples
    of a batch are rounded up to the same bound, and all batches are full but for one of the longest, which
    `drop_remainder` leaves out, so that an epoch lacks less than one batch of examples.

    Args:
        columns: strings, numbers or a RaggedTensor with one row for each of N examples; or a tuple or dict of such.
        prepare: the rows of a batch, in the structure of `columns` -> x, (x, y) or (x, y, weights). It runs in a graph,
            on all cores: the place to tokenize and pad, as `lambda texts: preprocessor(texts)`.
        lengths: int [N], as in `length_batches`.
        batch_size: int > 0.
        epochs: int > 0. Defaults to `None`: endless, with shuffling; one without.
        shuffle: bool. False for evaluation: one order, the longest first. Defaults to `True`.
        seed: int >= 0. Defaults to 0.
        start_step: int >= 0. Batches to leave out at the beginning, as those of a run that is continued. Defaults to 0.
        share: (number, count). Which of `count` even shares of each batch to prepare, for several workers
            (`kbl.distribute.batches`). Defaults to (0, 1): whole batches.
        bounds: int. The lengths that occur, the last one no shorter than any example. `prepare` then takes one argument
            more, `length`, the int32 scalar that it has to pad its batch to: `lambda texts, length:
            kbl.data.pad_to_length(preprocessor(texts), length)`. `lengths` have to be those of the features, special
            tokens included. Defaults to `None`: `prepare` pads as it likes.
        drop_remainder: bool. Whether batches that are smaller than the others are left out. Defaults to `False`.

    Returns:
        A data set whose cardinality is exact, or infinite. An epoch has ceil(N / batch_size) batches, with
        `drop_remainder` floor(N / batch_size), whose number of rows is static.

    Raises:
        ValueError: if columns and lengths differ in N, there is no example, a number is out of range, an example is
            longer than the bounds, or no batch is left.

    Example:
        >>> texts, labels = np.array(["one", "two words", "three"]), np.array([0, 1, 0])
        >>> batches = bucketed_dataset((texts, labels), lambda text, label: (tf.strings.length(text), label),
        ...                            lengths=[1, 2, 1], batch_size=2, shuffle=False)
        >>> [(x.tolist(), y.tolist()) for x, y in batches.as_numpy_iterator()]
        [([9, 3], [1, 0]), ([5], [0])]
    """
    lengths = np.asarray(lengths)
    columns = _each(_tensor, columns)
    counts = []
    _each(lambda column: counts.append(int(column.nrows() if _is_ragged(column) else column.shape[0])), columns)
    if not len(lengths) or set(counts) != {len(lengths)}:
        raise ValueError(
            "Every column must have one row for each of the `lengths`, and there must be at least one. Received: "
            f"{len(lengths)} lengths, columns of {counts} rows."
        )
    _check(lengths, batch_size, seed if shuffle else None, 0)
    check_share(share)
    epochs = 1 if epochs is None and not shuffle else epochs
    if (epochs is not None and epochs < 1) or start_step < 0:
        raise ValueError(
            f"`epochs` must be positive, `start_step` not negative. Received: epochs={epochs}, start_step={start_step}."
        )
    if bounds is not None:
        bounds = check_bounds(bounds, lengths, batch_size, drop_remainder)
    elif drop_remainder and len(lengths) < batch_size:
        raise ValueError(
            f"{len(lengths)} examples make no batch of {batch_size}, and drop_remainder=True leaves a smaller one out. "
            "Make `batch_size` smaller."
        )

    def batches_in(epoch):
        order_seed = seed if shuffle else None
        if bounds is not None:
            return bounded_batches(lengths, batch_size, bounds, order_seed, epoch, drop_remainder)
        batches = length_batches(lengths, batch_size, order_seed, epoch)
        return [batch for batch in batches if len(batch) == batch_size or not drop_remainder]

    per_epoch = len(batches_in(0))
    if epochs is not None and start_step >= epochs * per_epoch:
        raise ValueError(
            f"`start_step` is {start_step}, and {epochs} epochs have {epochs * per_epoch} batches. Nothing is left: "
            "raise `epochs`."
        )

    def plan(epoch):
        batches = batches_in(int(epoch))
        batches = batches[start_step % per_epoch :] if epoch == start_step // per_epoch else batches
        return np.concatenate(batches), np.array([len(batch) for batch in batches], np.int64)

    def batches_of(epoch):
        order, sizes = tf.numpy_function(plan, [epoch], [tf.int64, tf.int64])
        rows = tf.RaggedTensor.from_row_lengths(tf.ensure_shape(order, [None]), tf.ensure_shape(sizes, [None]))
        return tf.data.Dataset.from_tensor_slices(rows)

    def load(rows):
        own = rows_of_share(tf.ensure_shape(rows, [batch_size]) if drop_remainder else rows, share)
        batch = _each(lambda column: tf.gather(column, own), columns)
        batch = batch if isinstance(batch, tuple) else (batch,)
        if bounds is not None:
            longest = tf.reduce_max(tf.gather(tf.constant(lengths, tf.int64), rows))
            batch = (*batch, tf.gather(bounds, tf.searchsorted(tf.constant(bounds, tf.int64), longest[tf.newaxis])[0]))
        return tf.nest.map_structure(lambda part: _with_rows(part, own.shape[0]), prepare(*batch))

    stop = np.iinfo(np.int64).max if epochs is None else epochs
    options = tf.data.Options()
    options.autotune.enabled = False  # nothing to tune, and the end of `fit` would wait for the tuner's next round
    dataset = tf.data.Dataset.range(start_step // per_epoch, stop).flat_map(batches_of)
    dataset = dataset.map(load, num_parallel_calls=2, deterministic=True).prefetch(2).with_options(options)
    left = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * per_epoch - start_step
    return dataset.apply(tf.data.experimental.assert_cardinality(left))


def _check(lengths, batch_size, seed, epoch):
    if lengths.ndim != 1 or batch_size < 1 or min(seed or 0, epoch) < 0:
        raise ValueError(
            "`lengths` must be a vector, `batch_size` positive, `seed` and `epoch` not negative. Received: lengths of "
            f"shape {lengths.shape}, batch_size={batch_size}, seed={seed}, epoch={epoch}."
        )


def _cut(order, size):
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


def _each(function, columns):
    """`function` of each column, in the structure of the columns: one, a tuple or a dict."""
    if isinstance(columns, dict):
        return {name: function(column) for name, column in columns.items()}
    return tuple(map(function, columns)) if isinstance(columns, tuple) else function(columns)


def _with_rows(part, rows):
    """A part of a batch with its number of rows, which text operations forget."""
    if rows is None or _is_ragged(part) or not part.shape.rank:
        return part
    return tf.ensure_shape(part, [rows, *part.shape[1:]])


def _tensor(column):
    with tf.device("CPU"):
        return column if _is_ragged(column) else tf.convert_to_tensor(column)


def _is_ragged(column):
    return isinstance(column, tf.RaggedTensor)
