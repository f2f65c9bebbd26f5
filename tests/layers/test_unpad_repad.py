"""Blocks between Unpad and Repad compute what EncoderStack computes, in every way a model is used."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.trainers.trainer import model_supports_jit
from parity_weights import randomized

from keras_bert_layers import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 6, 8)).astype("float32")
IDS = RNG.integers(0, 20, size=(3, 6)).astype("int32")
MASK = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0]], "int32")
MASKS = {
    "anywhere": MASK,
    "a_row_of_padding": MASK * [[1], [0], [1]],
    "nothing_real": np.zeros_like(MASK),
    "all_real": np.ones_like(MASK),
}
POSITIONS = np.array([[0, 1, 2, 0, 0, 0], [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 0, 0]], "int32")


def modern_block():
    attention = layers.SelfAttention(2, rotary=layers.RotaryEmbedding(), window=layers.SlidingWindow(2), use_bias=False)
    return layers.TransformerEncoder(
        attention=attention, feed_forward=layers.GatedFeedForward(12), normalize_first=True
    )


BLOCKS = {
    "post_norm": (lambda: layers.TransformerEncoder(12, 2), {}),
    "pre_norm": (lambda: layers.TransformerEncoder(12, 2, normalize_first=True), {}),
    "rotary_windowed_gated": (modern_block, {"position_ids": POSITIONS}),
    "pairs_and_packs": (
        lambda: layers.TransformerEncoder(12, 2),
        {"attention_mask": np.tril(np.ones((3, 6, 6), "int32")), "pack_ids": MASK * [[1, 1, 2, 2, 3, 3]]},
    ),
}


def by_hand(blocks, inputs, padding_mask, **arguments):
    """The blocks one by one on the real tokens."""
    tokens, layout = layers.Unpad()(inputs, padding_mask=padding_mask)
    for block in blocks:
        tokens = block(tokens, layout=layout, **arguments)
    return layers.Repad()(tokens, layout)


def embedded(length=None):
    """Symbolic token ids and mask, and the embeddings of the ids."""
    inputs = {name: keras.Input((length,), dtype="int32", name=name) for name in ("token_ids", "padding_mask")}
    return inputs, layers.BertEmbeddings(20, 8, max_sequence_length=7, name="embeddings")(inputs["token_ids"])


def pair_of_models(length=None):
    """Two functional models with the same weights: blocks by hand, and in a stack."""
    inputs, x = embedded(length)
    one = keras.Model(inputs, by_hand([layers.TransformerEncoder(12, 2) for _ in range(2)], x, inputs["padding_mask"]))
    inputs, x = embedded(length)
    stack = layers.EncoderStack([layers.TransformerEncoder(12, 2) for _ in range(2)])
    other = keras.Model(inputs, stack(x, padding_mask=inputs["padding_mask"]))
    other.set_weights(randomized(one).get_weights())
    return one, other


def features(mask=MASK):
    return {"token_ids": IDS, "padding_mask": mask}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize(("block", "arguments"), BLOCKS.values(), ids=BLOCKS.keys())
def test_outputs_and_gradients_are_those_of_a_stack(block, arguments, mask):
    stack = layers.EncoderStack([block(), block()], unpad=True)
    stack.build(X.shape)
    randomized(stack)
    results = []
    for call in (
        lambda x: by_hand(stack.blocks, x, mask, **arguments),
        lambda x: stack(x, padding_mask=mask, **arguments),
    ):
        x = tf.Variable(X)
        with tf.GradientTape() as tape:
            outputs = call(x)
            loss = tf.reduce_sum(tf.sin(outputs))
        results.append([outputs, *tape.gradient(loss, [x, *(weight.value for weight in stack.weights)])])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_real_tokens_come_out_row_by_row_and_go_back_with_zeros_between():
    tokens, layout = layers.Unpad()(X, padding_mask=MASK)
    np.testing.assert_array_equal(tokens, X[MASK == 1])
    assert isinstance(layout, ops.Unpadding)
    np.testing.assert_array_equal(layers.Repad()(tokens, layout), X * MASK[:, :, None])


def test_without_a_mask_all_tokens_are_real():
    tokens, layout = layers.Unpad()(X)
    np.testing.assert_array_equal(tokens, X.reshape(-1, 8))
    np.testing.assert_array_equal(layers.Repad()(tokens, layout), X)


def test_what_stands_between_may_change_the_width():
    tokens, layout = layers.Unpad()(X, padding_mask=MASK)
    dense = layers.Linear(5)
    expected = np.asarray(dense(X)) * MASK[:, :, None]
    np.testing.assert_allclose(layers.Repad()(dense(tokens), layout), expected, rtol=0, atol=1e-6)


def test_the_mask_of_the_layout_is_that_of_attention_alone_too():
    attention = layers.SelfAttention(2)
    tokens, layout = layers.Unpad()(X, padding_mask=MASK)
    expected = np.asarray(attention(X, padding_mask=MASK))[MASK == 1]
    np.testing.assert_allclose(attention(tokens, layout=layout), expected, rtol=0, atol=1e-6)


def test_attention_scores_are_those_with_padding():
    block = layers.TransformerEncoder(12, 2)
    tokens, layout = layers.Unpad()(X, padding_mask=MASK)
    _, scores = block(tokens, layout=layout, return_attention_scores=True)
    expected = block.attention_weights(X, padding_mask=MASK)
    rows = np.broadcast_to(MASK[:, None, :] == 1, expected.shape[:3])
    np.testing.assert_allclose(np.asarray(scores)[rows], np.asarray(expected)[rows], rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [None, 6])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_a_functional_model_gives_what_the_stack_gives(length, mask):
    one, other = pair_of_models(length)
    np.testing.assert_array_equal(one(features(mask)), other(features(mask)))
    predictions = (model.predict(features(mask), verbose=0) for model in (one, other))
    np.testing.assert_allclose(*predictions, rtol=0, atol=1e-5)


def test_a_functional_model_learns_what_the_stack_learns():
    targets = RNG.normal(size=X.shape)
    weights = []
    for model in pair_of_models():
        before = model.get_weights()
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(features(), targets, epochs=3, batch_size=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
        assert max(np.abs(new - old).max() for new, old in zip(weights[-1], before, strict=True)) > 1e-3
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_saved_and_exported_models_give_the_same(tmp_path):
    model, _ = pair_of_models()
    expected = model(features())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(features()), expected)
    # A layout from a file is a plain tuple; what is written from there on must not differ.
    for number, each in enumerate((model, again)):
        each.export(tmp_path / f"{number}", verbose=False)
        served = tf.saved_model.load(tmp_path / f"{number}")
        np.testing.assert_allclose(served.serve(features()), expected, rtol=0, atol=1e-5)
        shorter = {name: value[:2, :4] for name, value in features().items()}
        np.testing.assert_allclose(served.serve(shorter), model(shorter), rtol=0, atol=1e-5)


def test_bfloat16_gives_what_the_stack_gives_in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    one, other = pair_of_models()
    outputs = one(features(MASKS["a_row_of_padding"]))
    assert outputs.dtype == tf.bfloat16
    np.testing.assert_array_equal(outputs, other(features(MASKS["a_row_of_padding"])))


def test_an_implicit_mask_counts_and_none_is_left():
    token_ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(20, 8, mask_zero=True)(token_ids)
    tokens, layout = layers.Unpad()(x)
    outputs = layers.Repad()(layers.TransformerEncoder(12, 2)(tokens, layout=layout), layout)
    for symbol in keras.tree.flatten((tokens, layout, outputs)):
        assert keras.src.backend.get_keras_mask(symbol) is None
    model = keras.Model(token_ids, [tokens, outputs])
    ids = np.where(MASK == 1, np.maximum(IDS, 1), 0)
    tokens, outputs = model(ids)
    assert len(tokens) == MASK.sum()
    np.testing.assert_array_equal(np.abs(outputs).max(-1) > 0, MASK == 1)
    assert keras.src.backend.get_keras_mask(outputs) is None


def test_keras_does_not_choose_xla_for_such_a_model():
    one, other = pair_of_models()
    assert (model_supports_jit(one), model_supports_jit(other)) == (False, True)


def test_the_ways_out_of_xla_are_named():
    compiled = tf.function(lambda x: layers.Unpad()(x), jit_compile=True)
    with pytest.raises(ValueError, match=r"jit_compile=False, use EncoderStack\(unpad=None\).* packed rows"):
        compiled(X)


TOKENS, LAYOUT = X[MASK == 1], ops.unpadding(MASK)
MISTAKES = {
    "no_batch": (lambda: layers.Unpad()(X[0]), r"\[batch, length, width\]. Received inputs of rank 2"),
    "other_length": (lambda: layers.Unpad()(X, padding_mask=MASK[:, :4]), r"\(3, 6\). Received shape \(3, 4\)"),
    "no_layout": (lambda: layers.Repad()(TOKENS, None), "Repad needs the layout that Unpad gave"),
    "no_tokens": (lambda: layers.Repad()(X, LAYOUT), "Received inputs of rank 3"),
    "other_tokens": (lambda: layers.Repad()(TOKENS[1:], LAYOUT), "places for 11 tokens. Received 10"),
    "block_without_layout": (lambda: layers.TransformerEncoder(12, 2)(TOKENS), "give their `layout` as well"),
    "block_without_tokens": (
        lambda: layers.TransformerEncoder(12, 2)(X, layout=LAYOUT),
        "Take the tokens out first, with the layer Unpad",
    ),
}


@pytest.mark.parametrize(("call", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("shape", [(3, 4), (3, 7), (2, 6)])
def test_a_mask_of_another_shape_is_refused_where_shapes_are_unknown(shape):
    specs = tf.TensorSpec((None, None, 8)), tf.TensorSpec((None, None), tf.int32)
    call = tf.function(lambda x, mask: layers.Unpad()(x, padding_mask=mask)[0], input_signature=specs)
    np.testing.assert_array_equal(call(X, MASK), TOKENS)
    with pytest.raises(tf.errors.InvalidArgumentError, match="inputs have different shapes"):
        call(X, np.ones(shape, "int32"))
