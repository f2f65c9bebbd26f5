"""A function of batches that is traced once for each of their lengths."""

from collections.abc import Callable, Sequence

import tensorflow as tf


def check_lengths(lengths: Sequence[int]) -> tuple[int, ...]:
    """The lengths in order.

    Raises:
        ValueError: if one is no positive number.
    """
    if any(not isinstance(length, int) or length < 1 for length in lengths):
        raise ValueError(
            "`lengths` must be all lengths that batches have, such as the `bounds` of a bucketed data set: (64, 128). "
            f"Received: {tuple(lengths)}."
        )
    return tuple(sorted(set(lengths)))


def by_length(function: Callable, lengths: tuple[int, ...]) -> Callable:
    """`function` of a batch, with every second axis of unknown size given the one of `lengths` that it has.

    Args:
        function: a batch, any structure of tensors and None -> any structure of tensors and None.
        lengths: ascending; none to leave the function as it is.
    """

    def call(data):
        unknown = [x for x in tf.nest.flatten(data) if _is_unknown(x)]
        if not unknown or not lengths:
            return function(data)
        found = tf.shape(unknown[0])[1]
        message = ["A batch has a length that is not among the `lengths` of `prepare`. Received, expected:", found]
        known = tf.debugging.Assert(tf.reduce_any(found == tf.constant(lengths)), [*message, tf.constant(lengths)])
        with tf.control_dependencies([known]):
            place = tf.reduce_sum(tf.cast(tf.constant(lengths) < found, tf.int32))
        structures = []

        def at(length):
            results = function(tf.nest.map_structure(lambda x: _with_length(x, length), data))
            structures.append(results)
            return [x for x in tf.nest.flatten(results) if x is not None]

        # A branch cannot give None.
        results = iter(tf.switch_case(place, [lambda length=length: at(length) for length in lengths]))
        return tf.nest.map_structure(lambda x: None if x is None else next(results), structures[0])

    return call


def _is_unknown(x):
    return isinstance(x, tf.Tensor) and (x.shape.rank or 0) >= 2 and x.shape[1] is None


def _with_length(x, length):
    return tf.ensure_shape(x, [x.shape[0], length, *x.shape[2:]]) if _is_unknown(x) else x
