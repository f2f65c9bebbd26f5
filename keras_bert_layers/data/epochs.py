"""A data set of batches of examples, epoch after epoch, from a function that draws one epoch's examples."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.sampling import Stream, generator
from keras_bert_layers.ops.row_share import Share, check_share, rows_of_share


def batches_of_epochs(
    draw: Callable[[int], np.ndarray],
    width: int,
    batch_size: int,
    seed: int,
    epochs: int | None,
    start_epoch: int,
    shuffle: bool,
    drop_remainder: bool,
    start_step: int = 0,
    share: Share = (0, 1),
) -> tf.data.Dataset:
    """Batches of rows, each with the epoch and the rows' numbers in it.

    Args:
        draw: epoch -> int64 [examples, width]; depends on its argument alone.
        width: int. Columns of what `draw` returns.
        batch_size, seed, epochs, start_epoch, shuffle, drop_remainder, start_step, share: as in `pretraining_dataset`.

    Returns:
        A data set of (epoch, int64 []; example_index, int64 [B], the row's number before shuffling; rows, int64
        [B, width]), or of the share of these rows. Its cardinality is exact, or infinite for `epochs=None`.

    Raises:
        ValueError: if an argument is out of range, or the first epoch does not fill one batch.
    """
    check_share(share)
    if batch_size < 1 or (epochs is not None and epochs < 1) or min(start_epoch, start_step, seed) < 0:
        raise ValueError(
            "`batch_size` and `epochs` must be positive, `start_epoch`, `start_step` and `seed` not negative. "
            f"Received: batch_size={batch_size}, epochs={epochs}, start_epoch={start_epoch}, start_step={start_step}, "
            f"seed={seed}."
        )

    def num_batches(epoch: int) -> int:
        examples = len(draw(epoch))
        return examples // batch_size if drop_remainder else -(-examples // batch_size)

    first = num_batches(start_epoch)
    if not first:
        raise ValueError(
            f"The documents give {len(draw(start_epoch))} examples, which is less than one batch of {batch_size}. "
            "Use a smaller `batch_size`, drop_remainder=False, or more text."
        )

    stop = np.iinfo(np.int64).max if epochs is None else start_epoch + epochs
    # Where the run goes on: the epoch, and the batches of it that were used already.
    used, epoch_size = start_step, first
    while used >= epoch_size and start_epoch < stop - 1:
        used, start_epoch = used - epoch_size, start_epoch + 1
        epoch_size = num_batches(start_epoch)
    if used >= epoch_size:
        raise ValueError(
            f"`start_step` is {start_step}, and the data set ends {used - epoch_size} batches before it. Nothing is "
            "left to train on: raise `epochs`."
        )
    resumed_epoch = start_epoch

    def plan(epoch: np.int64) -> tuple[np.ndarray, np.ndarray]:
        rows = draw(int(epoch))
        order = np.arange(len(rows))
        if shuffle:
            order = generator(seed, int(epoch), Stream.ORDER).permutation(order)
        if epoch == resumed_epoch:
            order = order[used * batch_size :]
        return order, rows[order]

    def load(epoch):
        order, rows = tf.numpy_function(plan, [epoch], [tf.int64, tf.int64])
        return epoch, tf.ensure_shape(order, [None]), tf.ensure_shape(rows, [None, width])

    def batches(epoch, order, rows):
        examples = tf.data.Dataset.from_tensor_slices((order, rows)).batch(batch_size, drop_remainder)
        return examples.map(lambda index, batch: (epoch, rows_of_share(index, share), rows_of_share(batch, share)))

    # The next epoch is drawn while the present one is in use.
    dataset = tf.data.Dataset.range(start_epoch, stop).map(load).prefetch(1).flat_map(batches)
    if epochs is None:
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    total = epoch_size - used + sum(map(num_batches, range(start_epoch + 1, stop)))
    return dataset.apply(tf.data.experimental.assert_cardinality(total))
