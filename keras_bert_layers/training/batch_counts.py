"""How many tokens the batches hold that a model is trained on, known without asking the device."""

import tensorflow as tf


class BatchCounts:
    """Counts batches on their way to the model, and adds up those that it has used.

    A callback sees no batches, and numbers on a device can only be read by waiting for it: so each batch is counted on
    the host when it is made, which is some steps before it is used.
    """

    def __init__(self):
        self._counted: dict[int, tuple[int, ...]] = {}

    def watch(self, dataset: tf.data.Dataset, step: int) -> tf.data.Dataset:
        """The same data set, whose first batch is that of this step; each batch is counted when it is made."""
        self._counted.clear()

        @tf.autograph.experimental.do_not_convert
        def count(number, batch):
            features = batch[0] if isinstance(batch, tuple) else batch
            numbers = tf.stack(_counts(features))
            noted = tf.numpy_function(self._note, [number, numbers], tf.int64)
            with tf.control_dependencies([noted]):
                return tf.nest.map_structure(tf.identity, batch)

        return dataset.enumerate(step).map(count).prefetch(2)

    def used(self, begin: int, end: int) -> tuple[int, ...] | None:
        """Tokens, Σ squared lengths and predictions from step `begin` to `end`; None if a batch was not counted."""
        counted = [self._counted.pop(step, None) for step in range(begin, end)]
        return None if None in counted else tuple(map(sum, zip((0, 0, 0), *counted, strict=True)))

    def _note(self, number, numbers):
        self._counted[int(number)] = tuple(numbers.tolist())
        return number


def _counts(features: dict) -> list[tf.Tensor]:
    """int64 scalars: real tokens, the sum of the squared lengths of sequences, and predictions."""
    if "pack_ids" in features:
        # How often each pack occurs in a row; pack 0 is padding.
        lengths = tf.math.bincount(features["pack_ids"], axis=-1, dtype=tf.int64)[:, 1:]
    else:
        lengths = tf.reduce_sum(tf.cast(features["padding_mask"], tf.int64), axis=-1)
    positions = features.get("mask_positions")
    predictions = 0 if positions is None else tf.math.count_nonzero(positions >= 0)
    return [tf.reduce_sum(lengths), tf.reduce_sum(lengths**2), tf.cast(predictions, tf.int64)]
