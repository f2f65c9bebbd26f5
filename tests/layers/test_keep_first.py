"""Only the first positions of the last block: the outputs and gradients of all, without the work for the others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized

from keras_bert_layers import layers, ops

X = np.random.default_rng(0).normal(size=(4, 6, 8)).astype("float32")
# With padding behind, none, padding in front, nothing but padding.
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], "int32")
PAIRS = np.tril(np.ones((4, 6, 6), "int32"))
PACKS = np.array([[1, 1, 2, 0, 0, 0], [1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], "int32")
POSITIONS = np.random.default_rng(1).integers(0, 50, size=(4, 6)).astype("int32")


class OwnAttention(keras.layers.Layer):
    """Somebody else's attention, which knows nothing of first positions: every one sees the sum of the real ones."""

    def call(self, inputs, padding_mask=None, attention_mask=None, pack_ids=None, training=None):
        return inputs * tf.reduce_sum(inputs * tf.cast(padding_mask, inputs.dtype)[:, :, None], axis=1, keepdims=True)


def rotary():
    attention = layers.SelfAttention(2, rotary=layers.RotaryEmbedding(), window=layers.SlidingWindow(2), use_bias=False)
    return layers.TransformerEncoder(attention=attention, feed_forward=layers.GatedFeedForward(12))


BLOCKS = {
    "post_norm": lambda: layers.TransformerEncoder(12, 2),
    "pre_norm": lambda: layers.TransformerEncoder(12, 2, normalize_first=True),
    "rotary_windowed": rotary,
    "right_padded": lambda: layers.TransformerEncoder(12, attention=layers.SelfAttention(2, right_padded=True)),
    "attention_of_its_own": lambda: layers.TransformerEncoder(12, attention=OwnAttention()),
}
CALLS = {
    "padding": {"padding_mask": MASK},
    "no_mask": {},
    "pairs": {"padding_mask": MASK, "attention_mask": PAIRS},
    "packs": {"padding_mask": MASK, "pack_ids": PACKS},
    "positions": {"padding_mask": MASK, "position_ids": POSITIONS},
}
APPLIES = [
    (block, masks)
    for block in BLOCKS
    for masks in CALLS
    if not (masks == "positions" and block != "rotary_windowed")
    and not (masks == "no_mask" and block == "attention_of_its_own")
]


@pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("unpad", [None, False], ids=["unpadded", "padded"])
@pytest.mark.parametrize(("block", "masks"), APPLIES)
def test_outputs_and_gradients_are_those_of_all_positions(block, masks, unpad, recompute):
    masks = dict(CALLS[masks])
    if block == "right_padded" and "padding_mask" in masks:
        masks["padding_mask"] = np.sort(MASK)[:, ::-1].copy()
    stack = layers.EncoderStack([BLOCKS[block](), BLOCKS[block]()], unpad=unpad, recompute=recompute)
    stack.build(X.shape)
    randomized(stack)
    for count in (1, 2, 9):
        results = []
        for call in (
            lambda x, count=count: stack(x, **masks, keep_first=count),
            lambda x, count=count: stack(x, **masks)[:, :count],
        ):
            x = tf.Variable(X)
            with tf.GradientTape() as tape:
                outputs = call(x)
                loss = tf.reduce_sum(tf.sin(outputs))
            results.append([outputs, *tape.gradient(loss, [x, *(weight.value for weight in stack.weights)])])
        assert results[0][0].shape == (4, min(count, 6), 8)
        for some, everything in zip(*results, strict=True):
            np.testing.assert_allclose(some, everything, rtol=1e-4, atol=2e-5)


def test_the_work_for_the_other_positions_is_left_out():
    rows = []

    class Counting(layers.FeedForward):
        def call(self, inputs, training=None):
            rows.append(tuple(inputs.shape))
            return super().call(inputs, training=training)

    stack = layers.EncoderStack([layers.TransformerEncoder(num_heads=2, feed_forward=Counting(12)) for _ in range(2)])
    stack(X, padding_mask=MASK, keep_first=1)
    assert rows == [(MASK.sum(), 8), (4, 1, 8)]


def test_compiled_functions_agree():
    stack = layers.EncoderStack([BLOCKS["post_norm"]()])
    call = lambda x, mask: stack(x, padding_mask=mask, keep_first=1)  # noqa: E731
    compiled = tf.function(call, jit_compile=True)
    np.testing.assert_allclose(compiled(X, MASK), call(X, MASK), rtol=0, atol=1e-5)


def test_heads_of_first_positions_are_masked_like_all():
    attention = layers.SelfAttention(2)
    head_mask = np.array([[1, 0]] * 4, "float32")
    some = attention(X, padding_mask=MASK, head_mask=head_mask, keep_first=2)
    everything = attention(X, padding_mask=MASK, head_mask=head_mask)
    np.testing.assert_allclose(some, everything[:, :2], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [layers.SelfAttention(2), BLOCKS["post_norm"](), layers.EncoderStack([BLOCKS["post_norm"]()])],
    ids=["attention", "block", "stack"],
)
def test_shapes_and_implicit_masks_are_those_of_the_kept_positions(layer):
    symbol = keras.Input((6, 8))
    assert layer(symbol, keep_first=2).shape == (None, 2, 8)
    inputs = keras.layers.Masking()(X)
    assert layer(inputs, keep_first=2)._keras_mask.shape == (4, 2)


def test_one_position_is_known_where_the_length_is_not():
    symbol, stack = keras.Input((None, 8)), layers.EncoderStack([BLOCKS["post_norm"]()])
    assert stack(symbol, keep_first=1).shape == (None, 1, 8)
    assert stack(symbol, keep_first=2).shape == (None, None, 8)


@pytest.mark.parametrize("count", [0, -1, True, 1.0])
def test_a_wrong_number_is_refused(count):
    with pytest.raises(ValueError, match="must be a positive integer"):
        layers.EncoderStack([BLOCKS["post_norm"]()])(X, keep_first=count)


def test_gradients_of_first_positions_come_back_to_their_tokens():
    layout = ops.unpadding(MASK)
    tokens = tf.Variable(X[MASK == 1])
    with tf.GradientTape() as tape:
        first = ops.first_positions(tokens, 3, layout)
        loss = tf.reduce_sum(first * np.arange(1.0, 13).reshape(4, 3, 1))
    expected = np.zeros((4, 6, 1)) + np.pad(np.arange(1.0, 13).reshape(4, 3, 1), ((0, 0), (0, 3), (0, 0)))
    np.testing.assert_array_equal(tape.gradient(loss, tokens), np.broadcast_to(expected, X.shape)[MASK == 1])
