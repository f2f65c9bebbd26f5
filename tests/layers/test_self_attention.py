"""What a block may see: packed rows, the precision of the softmax, implicit masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized

from keras_bert_layers import layers

WIDTH, HEADS = 8, 2


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(layer, x):
    layer(x)
    return randomized(layer)


LAYERS = {
    "attention": lambda: layers.SelfAttention(HEADS),
    "block": lambda: layers.TransformerEncoder(12, HEADS),
    "pre_norm_block": lambda: layers.TransformerEncoder(12, HEADS, normalize_first=True),
    "stack": lambda: layers.EncoderStack([layers.TransformerEncoder(12, HEADS) for _ in range(3)]),
}
mixing = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS.keys())


@mixing
def test_a_packed_row_gives_what_its_sequences_give_alone(build):
    first, second, third = floats(1, 3, WIDTH), floats(1, 1, WIDTH, seed=1), floats(1, 4, WIDTH, seed=2)
    padding = np.full((1, 2, WIDTH), 30.0, "float32")
    packed = np.concatenate([first, second, third, padding], axis=1)
    pack_ids = np.array([[1, 1, 1, 2, 3, 3, 3, 3, 0, 0]], "int32")
    layer = built(build(), packed)
    together = layer(packed, pack_ids=pack_ids)
    alone = np.concatenate([layer(x) for x in (first, second, third)], axis=1)
    np.testing.assert_allclose(together[:, :8], alone, rtol=0, atol=2e-6)
    assert np.abs(layer(packed)[:, :8] - alone).max() > 1e-2


def test_a_packed_row_of_token_ids_gives_what_its_sequences_give_alone():
    embeddings = layers.BertEmbeddings(20, WIDTH, max_sequence_length=8)
    block = layers.TransformerEncoder(12, HEADS)
    first, second = np.array([[3, 1, 4]]), np.array([[1, 5, 9, 2]])
    packed = np.concatenate([first, second], axis=1)
    block(embeddings(packed))
    randomized(embeddings), randomized(block)
    together = block(
        embeddings(packed, position_ids=np.array([[0, 1, 2, 0, 1, 2, 3]])), pack_ids=np.array([[1, 1, 1, 2, 2, 2, 2]])
    )
    alone = np.concatenate([block(embeddings(x)) for x in (first, second)], axis=1)
    np.testing.assert_allclose(together, alone, rtol=0, atol=2e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_attention_probabilities_are_float32_under_every_policy(policy):
    attention = layers.SelfAttention(HEADS, dtype=policy)
    x = floats(2, 5, WIDTH)
    weights = attention.attention_weights(x, padding_mask=np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]))
    assert weights.dtype == "float32"
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, rtol=0, atol=1e-6)
    assert keras.backend.standardize_dtype(attention(x).dtype) == attention.compute_dtype


def test_dropout_leaves_no_trace_in_the_reported_probabilities():
    attention = layers.SelfAttention(HEADS, attention_dropout=0.5)
    x = floats(1, 4, WIDTH)
    plain = attention.attention_weights(x)
    assert np.abs(attention(x, training=True) - attention(x)).max() > 1e-6
    np.testing.assert_array_equal(attention.attention_weights(x), plain)


def embedded_with_mask():
    tokens = np.array([[3, 1, 4, 1, 0], [2, 6, 0, 0, 0]])
    return keras.layers.Embedding(7, WIDTH, mask_zero=True)(tokens), tokens != 0


def masked_values():
    x = floats(2, 5, WIDTH)
    x[0, 4], x[1, 2:] = 0.0, 0.0
    return keras.layers.Masking()(x), (x != 0).any(-1)


@mixing
@pytest.mark.parametrize("upstream", [embedded_with_mask, masked_values])
def test_an_implicit_mask_from_keras_equals_the_explicit_one(build, upstream):
    x, real = upstream()
    plain = np.asarray(x)
    layer = built(build(), plain)
    implicit = layer(x)
    np.testing.assert_array_equal(implicit, layer(plain, padding_mask=real))
    assert np.abs(implicit - layer(plain)).max() > 1e-3
    np.testing.assert_array_equal(implicit._keras_mask, real)


@mixing
def test_an_explicit_mask_goes_before_an_implicit_one(build):
    x, _ = embedded_with_mask()
    explicit = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    layer = built(build(), np.asarray(x))
    np.testing.assert_array_equal(layer(x, padding_mask=explicit), layer(np.asarray(x), padding_mask=explicit))


def test_an_implicit_mask_passes_through_a_functional_model_to_the_pooling():
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(7, WIDTH, mask_zero=True)(tokens)
    x = layers.TransformerEncoder(12, HEADS)(layers.TransformerEncoder(12, HEADS)(x))
    model = randomized(keras.Model(tokens, layers.Pooling("mean")(x)))
    short, long = np.array([[3, 1, 4]], "int32"), np.array([[3, 1, 4, 0, 0]], "int32")
    np.testing.assert_allclose(model(long), model(short), rtol=0, atol=1e-6)


def test_causal_attention_is_an_attention_mask():
    x = floats(1, 6, WIDTH)
    layer = built(layers.TransformerEncoder(12, HEADS), x)
    causal = np.tril(np.ones((1, 6, 6), "int32"))
    whole = layer(x, attention_mask=causal)
    np.testing.assert_allclose(whole[:, :4], layer(x[:, :4], attention_mask=causal[:, :4, :4]), rtol=0, atol=1e-6)


def test_the_mask_may_have_any_integer_or_boolean_type():
    x, mask = floats(1, 4, WIDTH), np.array([[1, 1, 0, 0]])
    layer = built(layers.SelfAttention(HEADS), x)
    expected = layer(x, padding_mask=mask.astype("int32"))
    for dtype in ("bool", "int8", "int64", "float32"):
        np.testing.assert_array_equal(layer(x, padding_mask=tf.constant(mask.astype(dtype))), expected)


def test_the_reported_probabilities_honour_an_implicit_mask():
    embedded = keras.layers.Embedding(5, 8, mask_zero=True)(np.array([[1, 2, 0, 0]]))
    weights = layers.SelfAttention(num_heads=2).attention_weights(embedded)
    np.testing.assert_array_equal(weights[0, :, :, 2:], 0.0)
    np.testing.assert_allclose(keras.ops.sum(weights, axis=-1), 1.0, atol=1e-6)


def test_the_probabilities_of_a_symbol_are_refused_with_the_way_to_get_them():
    symbol = keras.Input((None, 8))
    with pytest.raises(ValueError, match=r"received a symbolic tensor.*return_attention_scores=True"):
        layers.TransformerEncoder(12, 2).attention_weights(symbol)
    _, scores = layers.TransformerEncoder(12, 2)(symbol, return_attention_scores=True)
    model = keras.Model(symbol, scores)
    assert model(np.ones((1, 3, 8), "float32")).shape == (1, 2, 3, 3)
