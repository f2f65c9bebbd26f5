"""The stack without padding computes what it computes with it, and says where it cannot."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized

from keras_bert_layers import layers

X = np.random.default_rng(0).normal(size=(3, 6, 8)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0]], "int32")
PAIRS = np.tril(np.ones((3, 6, 6), "int32"))
PACKS = np.array([[1, 1, 2, 0, 0, 0], [1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 0, 0]], "int32")


def modern_block():
    attention = layers.SelfAttention(2, rotary=layers.RotaryEmbedding(), window=layers.SlidingWindow(2), use_bias=False)
    feed_forward = layers.GatedFeedForward(12)
    return layers.TransformerEncoder(
        attention=attention, feed_forward=feed_forward, normalize_first=True, attention_norm=keras.layers.Identity()
    )


BLOCKS = {
    "post_norm": lambda: layers.TransformerEncoder(12, 2),
    "pre_norm": lambda: layers.TransformerEncoder(12, 2, normalize_first=True),
    "rotary_windowed_gated": modern_block,
}
CALLS = {
    "padding": {},
    "pairs": {"attention_mask": PAIRS},
    "packs": {"pack_ids": PACKS},
}


def pair_of_stacks(block):
    """Two stacks with the same weights: without padding, and with it."""
    stacks = [layers.EncoderStack([block(), block()], unpad=unpad) for unpad in (True, False)]
    for stack in stacks:
        stack.build(X.shape)
    randomized(stacks[0])
    stacks[1].set_weights(stacks[0].get_weights())
    return stacks


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS.keys())
@pytest.mark.parametrize("masks", CALLS.values(), ids=CALLS.keys())
def test_outputs_and_gradients_are_those_with_padding(block, masks):
    results = []
    for stack in pair_of_stacks(block):
        x = tf.Variable(X)
        with tf.GradientTape() as tape:
            states = stack.hidden_states(x, padding_mask=MASK, **masks)
            loss = tf.add_n([tf.reduce_sum(tf.sin(state)) for state in states])
        outputs = stack(x, padding_mask=MASK, **masks)
        np.testing.assert_allclose(outputs, states[-1], rtol=0, atol=1e-5)
        results.append([*states, *tape.gradient(loss, [x, *(weight.value for weight in stack.weights)])])
    for without, with_padding in zip(*results, strict=True):
        np.testing.assert_allclose(without, with_padding, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("unpad", [None, True, False])
def test_padding_comes_out_as_zeros_and_does_not_count(unpad):
    stack = layers.EncoderStack([BLOCKS["post_norm"]()], unpad=unpad)
    outputs = np.asarray(stack(X, padding_mask=MASK))
    assert (outputs[MASK == 0] == 0).all()
    changed = np.where(MASK[:, :, None], X, 100.0).astype("float32")
    np.testing.assert_allclose(stack(changed, padding_mask=MASK), outputs, rtol=0, atol=1e-5)


def test_a_batch_of_nothing_but_padding_gives_zeros():
    stack = layers.EncoderStack([BLOCKS["post_norm"]()], unpad=True)
    np.testing.assert_array_equal(stack(X, padding_mask=np.zeros_like(MASK)), np.zeros_like(X))


def test_products_are_over_real_tokens_only():
    rows = []

    class Counting(layers.FeedForward):
        def call(self, inputs, training=None):
            rows.append(inputs.shape)
            return super().call(inputs, training=training)

    def shape_of_rows(unpad, batch_size, graph):
        stack = layers.EncoderStack([layers.TransformerEncoder(num_heads=2, feed_forward=Counting(12))], unpad=unpad)
        specs = tf.TensorSpec((batch_size, *X.shape[1:])), tf.TensorSpec((batch_size, MASK.shape[1]), tf.int32)
        call = lambda x, mask: stack(x, padding_mask=mask)  # noqa: E731
        (tf.function(call, input_signature=specs) if graph else call)(X, MASK)
        return tuple(rows[-1])

    assert shape_of_rows(None, None, graph=False) == (MASK.sum(), 8)
    assert shape_of_rows(None, None, graph=True) == (None, 8)
    assert shape_of_rows(True, 3, graph=True) == (None, 8)
    # Where a graph has fixed shapes, it keeps them, unless it is told not to.
    assert shape_of_rows(None, 3, graph=True) == X.shape
    assert shape_of_rows(False, None, graph=False) == X.shape


def test_compiled_functions_keep_padding_and_agree():
    without, _ = pair_of_stacks(BLOCKS["post_norm"])
    without.unpad = None
    compiled = tf.function(lambda x, mask: without(x, padding_mask=mask), jit_compile=True)
    np.testing.assert_allclose(compiled(X, MASK), without(X, padding_mask=MASK), rtol=0, atol=1e-5)


class Blind(layers.FeedForward):
    """A part of somebody else's, which may count on three axes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.supports_layout = False

    def call(self, inputs, training=None):
        assert len(inputs.shape) == 3
        return super().call(inputs, training=training)


def test_a_part_that_does_not_know_of_layouts_gets_padding():
    stack = layers.EncoderStack([layers.TransformerEncoder(num_heads=2, feed_forward=Blind(12))])
    assert stack(X, padding_mask=MASK).shape == X.shape


@pytest.mark.parametrize(
    ("block", "compiled", "words"),
    [
        (lambda: layers.TransformerEncoder(num_heads=2, feed_forward=Blind(12)), False, "no `supports_layout`"),
        (BLOCKS["post_norm"], True, "static in a compiled function"),
    ],
    ids=["part", "compiled"],
)
def test_unpadding_that_was_asked_for_and_cannot_be_is_an_error(block, compiled, words):
    stack = layers.EncoderStack([block()], unpad=True)
    call = tf.function(lambda x, mask: stack(x, padding_mask=mask), jit_compile=compiled)
    with pytest.raises(ValueError, match=words):
        call(X, MASK)
