"""Inputs that a client got wrong: an InvalidArgument error that names the input, and no other answer."""

import keras
import tensorflow as tf

from keras_bert_layers import models


def checked_ids(inputs: dict[str, tf.Tensor], model: keras.Model) -> dict[str, tf.Tensor]:
    """The inputs unchanged, behind assertions: of one shape, none too long, every id within its table.

    On a GPU and under XLA, a table gives zeros for ids that it does not have; so that is asked here.
    """
    config = _config(model)
    token_ids = inputs["token_ids"] if "token_ids" in inputs else next(iter(inputs.values()))
    length = tf.shape(token_ids)[1]
    checks = []
    for name, value in inputs.items():
        if name != "mask_positions":
            same = tf.reduce_all(tf.shape(value) == tf.shape(token_ids))
            checks.append(_assert(same, f"`{name}` must have the shape of `token_ids`.", value, token_ids))
        lowest, size = _range(name, config, length)
        if size is not None:
            inside = tf.reduce_all((value >= lowest) & (value < size))
            message = f"`{name}` must be from {lowest} to less than "
            extremes = (tf.reduce_min(value), tf.reduce_max(value))
            checks.append(tf.debugging.Assert(inside, [message, size, "Received, lowest and highest:", *extremes]))
    limit = getattr(config, "max_sequence_length", 0)
    if limit:
        checks.append(tf.debugging.Assert(length <= limit, [f"`token_ids` may have {limit} columns, has:", length]))
    with tf.control_dependencies(checks):
        return {name: tf.identity(value) for name, value in inputs.items()}


def of_declared_shape(inputs: dict[str, tf.Tensor], specs: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """The inputs, checked for their rank when they are fed: servers compare only their types."""
    return {name: tf.ensure_shape(inputs[name], spec.shape, name=f"input_{name}") for name, spec in specs.items()}


def _assert(condition, message, value, token_ids):
    return tf.debugging.Assert(condition, [message, "Received shapes:", tf.shape(value), tf.shape(token_ids)])


def _config(model):
    try:
        return models.config_of(model)
    except ValueError:  # a model of other layers, whose own checks have to do
        return None


def _range(name, config, length):
    """The lowest value of an input and the number above the highest; None where nothing is known of it."""
    return {
        "token_ids": (0, getattr(config, "vocabulary_size", None)),
        "segment_ids": (0, getattr(config, "num_segments", None) or None),
        "padding_mask": (0, 2),
        "mask_positions": (-1, length),
    }.get(name, (0, None))
