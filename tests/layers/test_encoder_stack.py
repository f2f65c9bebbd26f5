"""Blocks in a row, and blocks that stand in it more than once."""

import keras
import numpy as np
import pytest
from parity_weights import randomized

from keras_bert_layers import layers

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
BLOCK_WEIGHTS = 16


def block():
    return layers.TransformerEncoder(12, 2)


def model_of(stack):
    symbol = keras.Input(X.shape[1:])
    return randomized(keras.Model(symbol, stack(symbol)))


def twice_in_the_list():
    shared = block()
    return layers.EncoderStack([shared, shared])


SHARED = {
    "by_order": (lambda: layers.EncoderStack([block()], order=[0, 0, 0]), 1),
    "in_groups": (lambda: layers.EncoderStack([block(), block()], order=[0, 1, 0]), 2),
    "twice_in_the_list": (twice_in_the_list, 1),
    "apart": (lambda: layers.EncoderStack([block(), block()]), 2),
}
shared = pytest.mark.parametrize(("build", "blocks"), SHARED.values(), ids=SHARED.keys())


@shared
def test_shared_weights_are_counted_once(build, blocks):
    model = model_of(build())
    assert len(model.weights) == len(model.trainable_variables) == BLOCK_WEIGHTS * blocks


@shared
def test_sharing_survives_a_keras_file_and_a_training_step(build, blocks, tmp_path):
    model = model_of(build())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(again.weights) == BLOCK_WEIGHTS * blocks
    for each in (model, again):
        each.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
        each.fit(X, np.ones_like(X), epochs=2, verbose=0)
    np.testing.assert_allclose(again(X), model(X), rtol=0, atol=1e-5)


def test_hidden_states_are_the_outputs_of_the_blocks():
    stack = layers.EncoderStack([block(), block()])
    states = stack.hidden_states(X)
    np.testing.assert_array_equal(states[0], stack.blocks[0](X))
    np.testing.assert_array_equal(states[1], stack.blocks[1](states[0]))
    np.testing.assert_array_equal(states[-1], stack(X))


def test_hidden_states_are_outputs_of_a_functional_model_too():
    symbol, mask = keras.Input((None, 8)), keras.Input((None,), dtype="int32")
    stack = layers.EncoderStack([block(), block()])
    model = keras.Model([symbol, mask], stack.hidden_states(symbol, padding_mask=mask))
    padding_mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], "int32")
    for actual, expected in zip(model([X, padding_mask]), stack.hidden_states(X, padding_mask), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("blocks", "order", "message"),
    [
        (0, None, "at least one block"),
        (2, [], r"blocks 0 to 1.*Received: \[\]"),
        (2, [0, 2], r"blocks 0 to 1.*Received: \[0, 2\]"),
        (1, [-1], r"blocks 0 to 0.*Received: \[-1\]"),
    ],
)
def test_an_order_of_blocks_that_are_not_there_is_refused(blocks, order, message):
    with pytest.raises(ValueError, match=message):
        layers.EncoderStack([block() for _ in range(blocks)], order=order)


def test_blocks_of_different_kinds_stand_in_one_stack():
    blocks = [block(), layers.TransformerEncoder(6, 4, normalize_first=True), block()]
    stack = layers.EncoderStack(blocks)
    x = X
    for each in blocks:
        x = each(x)
    np.testing.assert_array_equal(stack(X), x)
