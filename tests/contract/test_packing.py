"""Contract: in a packed row no sequence sees another, forward and backward, in every layer that mixes positions."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized
from registry import CASES, WIDTH

# Sequences of 2, 3 and 4 positions: alone in rows of their own, and packed into two rows of six.
LENGTHS = (2, 3, 4)
ROWS = ((0, 2), (1,))

cases = pytest.mark.parametrize(
    "case",
    [case for case in CASES if "pack_ids" in inspect.signature(case.build().call).parameters],
    ids=lambda case: case.name,
)


def sequences():
    rng = np.random.default_rng(7)
    return [rng.normal(size=(length, WIDTH)).astype("float32") for length in LENGTHS]


def packed(values):
    """The sequences in two rows, and which of them each position belongs to."""
    rows, pack_ids = np.zeros((2, 6, WIDTH), "float32"), np.zeros((2, 6), "int32")
    for row, members in enumerate(ROWS):
        joined = np.concatenate([values[member] for member in members])
        rows[row, : len(joined)] = joined
        pack_ids[row, : len(joined)] = np.repeat(np.arange(len(members)) + 1, [LENGTHS[m] for m in members])
    return rows, pack_ids


def unpacked(rows):
    """The inverse of `packed`."""
    values = [None] * len(LENGTHS)
    for row, members in enumerate(ROWS):
        begin = 0
        for member in members:
            values[member] = rows[row, begin : begin + LENGTHS[member]]
            begin += LENGTHS[member]
    return values


def outputs_and_gradients(layer, run, inputs):
    inputs = [tf.constant(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = run(inputs)
        # A loss that weighs every value differently.
        loss = tf.add_n([tf.reduce_sum(tf.sin(output) * output) for output in outputs])
    gradients = tape.gradient(loss, [*inputs, *layer.trainable_weights])
    return outputs, gradients[: len(inputs)], gradients[len(inputs) :]


@cases
def test_a_packed_sequence_is_computed_as_if_it_stood_alone(case):
    layer = case.build()
    layer(np.zeros((1, 6, WIDTH), "float32"))
    randomized(layer)
    values = sequences()
    alone, alone_inputs, alone_weights = outputs_and_gradients(
        layer, lambda inputs: [layer(value[None])[0] for value in inputs], values
    )
    rows, pack_ids = packed(values)
    together, (row_inputs,), together_weights = outputs_and_gradients(
        layer, lambda inputs: unpacked(layer(inputs[0], pack_ids=pack_ids)), [rows]
    )
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for one, other in zip(unpacked(keras.ops.convert_to_numpy(row_inputs)), alone_inputs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    for one, other in zip(together_weights, alone_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)
