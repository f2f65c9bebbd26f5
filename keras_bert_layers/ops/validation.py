"""Values that are out of range: an error at once when running eagerly, an assertion inside a graph."""

import keras
from keras import ops


def check_range(values, size, problem: str, remedy: str, lower: int | None = 0):
    """Returns `values` unchanged if all are at least `lower` and less than `size`.

    Compiled (XLA) code and other backends than TensorFlow have no assertions: there the check is left out.

    Args:
        values: int tensor.
        size: int or scalar tensor, the exclusive upper bound.
        problem: what is wrong, one sentence.
        remedy: what to do about it, one sentence.
        lower: inclusive lower bound; None for no bound. Defaults to 0.

    Raises:
        ValueError: eagerly; InvalidArgumentError inside a TensorFlow graph.
    """
    if keras.backend.backend() != "tensorflow":
        return values
    import tensorflow as tf

    values = tf.convert_to_tensor(values)
    in_range = tf.reduce_all(values < size)
    if lower is not None:
        in_range = tf.logical_and(in_range, tf.reduce_all(values >= lower))
    expected = f"{problem} Expected values" + ("" if lower is None else f" from {lower}") + " below"
    if not isinstance(in_range, tf.__internal__.EagerTensor):
        low, high = tf.reduce_min(values), tf.reduce_max(values)
        with tf.control_dependencies(
            [tf.debugging.Assert(in_range, [expected, size, "Received values from", low, "to", high, remedy])]
        ):
            return tf.identity(values)
    if not in_range:
        low, high = int(ops.min(values)), int(ops.max(values))
        raise ValueError(f"{expected} {int(size)}. Received values from {low} to {high}. {remedy}")
    return values
