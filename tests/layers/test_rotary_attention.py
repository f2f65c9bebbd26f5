"""Attention with rotary positions: against the paper's equation, in packed rows, through stacks and files."""

import keras
import keras_hub
import numpy as np
import pytest
from parity_weights import randomized

from keras_bert_layers import layers

WIDTH, HEADS, SIZE = 8, 2, 4


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


X = floats(2, 6, WIDTH)
PADDING = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], "int32")


def rotary(**arguments):
    return layers.SelfAttention(HEADS, rotary=layers.RotaryEmbedding(50.0), **arguments)


def block(**arguments):
    return layers.TransformerEncoder(12, attention=rotary(**arguments))


LAYERS = {
    "attention": rotary,
    "block": block,
    "pre_norm_block": lambda: layers.TransformerEncoder(12, attention=rotary(), normalize_first=True),
    "stack": lambda: layers.EncoderStack([block(), block()]),
    "local": lambda: rotary(window=layers.SlidingWindow(4)),
    "local_stack": lambda: layers.EncoderStack([block(window=layers.SlidingWindow(4)), block()]),
}
rotating = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)


def built(layer, x=X):
    layer(x)
    return randomized(layer)


def turned(vector, position):
    """One head's query or key, pair by pair as complex numbers."""
    half = SIZE // 2
    numbers = [complex(vector[k], vector[k + half]) for k in range(half)]
    numbers = [z * np.exp(1j * position * 50.0 ** (-2 * k / SIZE)) for k, z in enumerate(numbers)]
    return np.array([z.real for z in numbers] + [z.imag for z in numbers])


def paper(layer, x, position_ids, seen):
    """One sequence, loop by loop: its output and its probabilities [N, S, S]."""
    kernel = {name: np.asarray(getattr(layer, name).kernel, "float64") for name in ("query", "key", "value")}
    bias = {name: np.asarray(getattr(layer, name).bias, "float64") for name in kernel}
    q, k, v = (x @ kernel[name] + bias[name] for name in ("query", "key", "value"))
    probabilities, context = np.zeros((HEADS, len(x), len(x))), np.zeros_like(q)
    for n in range(HEADS):
        head = slice(n * SIZE, (n + 1) * SIZE)
        for i, m in enumerate(position_ids):
            keys = [j for j in range(len(x)) if seen(i, j)]
            scores = [turned(q[i, head], m) @ turned(k[j, head], position_ids[j]) / SIZE**0.5 for j in keys]
            probabilities[n, i, keys] = np.exp(scores) / np.sum(np.exp(scores))
            context[i, head] = probabilities[n, i] @ v[:, head]
    output = layer.output_projection
    return context @ np.asarray(output.kernel, "float64") + np.asarray(output.bias, "float64"), probabilities


@pytest.mark.parametrize("window_size", [None, 2])
def test_outputs_and_probabilities_are_those_of_the_paper(window_size):
    window = layers.SlidingWindow(window_size) if window_size else None
    layer = built(rotary(window=window))
    position_ids = np.array([[0, 1, 2, 3, 4, 5], [3, 0, 9, 1, 7, 7]])
    output = layer(X, padding_mask=PADDING, position_ids=position_ids)
    weights = layer.attention_weights(X, padding_mask=PADDING, position_ids=position_ids)
    for n in range(len(X)):
        expected, probabilities = paper(
            layer,
            X[n].astype("float64"),
            position_ids[n],
            lambda i, j, n=n: PADDING[n, j] and (window_size is None or abs(i - j) <= window_size // 2),
        )
        real = PADDING[n].astype(bool)
        np.testing.assert_allclose(output[n][real], expected[real], rtol=0, atol=2e-5)
        np.testing.assert_allclose(np.asarray(weights[n])[:, real], probabilities[:, real], rtol=0, atol=1e-5)


@rotating
@pytest.mark.parametrize("positions", ["of_each_sequence", "of_the_row"])
def test_a_packed_row_gives_what_its_sequences_give_alone(build, positions):
    """Also when the positions run through the row: inside a sequence the distances are the same."""
    first, second = floats(1, 3, WIDTH), floats(1, 5, WIDTH, seed=1)
    packed = np.concatenate([first, second, np.full((1, 2, WIDTH), 30.0, "float32")], axis=1)
    pack_ids = np.array([[1, 1, 1, 2, 2, 2, 2, 2, 0, 0]])
    own = {"position_ids": np.array([[0, 1, 2, 0, 1, 2, 3, 4, 0, 0]])} if positions == "of_each_sequence" else {}
    layer = built(build(), packed)
    together = layer(packed, pack_ids=pack_ids, **own)
    alone = np.concatenate([layer(first), layer(second)], axis=1)
    np.testing.assert_allclose(together[:, :8], alone, rtol=0, atol=5e-6)
    assert np.abs(layer(packed, **own)[:, :8] - alone).max() > 1e-2


@rotating
def test_the_order_of_the_tokens_matters(build):
    layer = built(build())
    backwards = np.flip(layer(np.flip(X, 1)), 1)
    assert np.abs(backwards - layer(X)).max() > 1e-2


@rotating
def test_only_distances_matter_and_position_ids_set_them(build):
    layer = built(build())
    counted = np.tile(np.arange(6), (2, 1))
    np.testing.assert_allclose(layer(X, position_ids=counted), layer(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(layer(X, position_ids=counted + 40), layer(X), rtol=0, atol=5e-5)
    assert np.abs(layer(X, position_ids=2 * counted) - layer(X)).max() > 1e-3


@pytest.mark.parametrize("build", [LAYERS["block"], LAYERS["pre_norm_block"]], ids=["post_norm", "pre_norm"])
def test_the_scores_that_a_block_returns_know_the_positions(build):
    layer = built(build())
    position_ids = np.array([[0, 5, 1, 2, 9, 4]] * 2)
    _, scores = layer(X, position_ids=position_ids, return_attention_scores=True)
    np.testing.assert_array_equal(scores, layer.attention_weights(X, position_ids=position_ids))
    assert np.abs(scores - layer.attention_weights(X)).max() > 1e-3


def test_hidden_states_know_the_positions():
    stack = built(LAYERS["stack"]())
    position_ids = np.array([[0, 5, 1, 2, 9, 4]] * 2)
    states = stack.hidden_states(X, position_ids=position_ids)
    np.testing.assert_array_equal(states[-1], stack(X, position_ids=position_ids))
    assert np.abs(states[0] - stack.hidden_states(X)[0]).max() > 1e-3


def test_position_ids_come_through_a_functional_model():
    stack = built(LAYERS["stack"]())
    symbol, ids = keras.Input((None, WIDTH)), keras.Input((None,), dtype="int32")
    model = keras.Model([symbol, ids], stack(symbol, position_ids=ids))
    position_ids = np.array([[0, 5, 1, 2, 9, 4]] * 2, "int32")
    np.testing.assert_allclose(model([X, position_ids]), stack(X, position_ids=position_ids), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "build",
    [
        lambda: layers.SelfAttention(HEADS),
        lambda: layers.TransformerEncoder(12, HEADS),
        lambda: layers.EncoderStack([layers.TransformerEncoder(12, HEADS)]),
    ],
    ids=["attention", "block", "stack"],
)
def test_position_ids_without_use_are_refused_and_not_ignored(build):
    with pytest.raises(ValueError, match=r"without a `rotary` part.*rotary=RotaryEmbedding\(\)"):
        build()(X, position_ids=np.zeros((2, 6), "int32"))


def test_a_block_of_another_kind_is_not_asked_about_positions_unless_there_are_any():
    class Plain(keras.layers.Layer):
        def call(self, inputs, padding_mask=None, attention_mask=None, pack_ids=None, training=None):
            return inputs + 1

    attention = layers.TransformerEncoder(12, attention=Plain(), feed_forward=keras.layers.Identity())
    stack = layers.EncoderStack([Plain(), attention])
    assert stack(X).shape == X.shape
    with pytest.raises(TypeError, match="position_ids"):
        stack(X, position_ids=np.zeros((2, 6), "int32"))


def test_the_layer_of_keras_hub_can_be_injected():
    ours = built(layers.SelfAttention(HEADS, rotary=layers.RotaryEmbedding(50)))
    theirs = built(layers.SelfAttention(HEADS, rotary=keras_hub.layers.RotaryEmbedding(50)))
    position_ids = np.array([[0, 5, 1, 2, 9, 4]] * 2)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        ours(X, position_ids=position_ids), theirs(X, position_ids=position_ids), rtol=0, atol=1e-5
    )


def test_shared_parts_stay_shared_in_a_keras_file(tmp_path):
    positions, window, norm = layers.RotaryEmbedding(50.0), layers.SlidingWindow(4), layers.LayerNormalization()

    def sharing():
        attention = layers.SelfAttention(HEADS, rotary=positions, window=window)
        return layers.TransformerEncoder(12, attention=attention, attention_norm=norm, normalize_first=True)

    stack = layers.EncoderStack([sharing(), sharing()], name="stack")
    symbol = keras.Input((None, WIDTH))
    model = randomized(keras.Model(symbol, stack(symbol)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    first, second = again.get_layer("stack").blocks
    assert first.attention.rotary is second.attention.rotary
    assert first.attention.window is second.attention.window
    assert first.attention_norm is second.attention_norm
    assert len(again.weights) == len(model.weights) == 2 * 16 - 2
    np.testing.assert_allclose(again(X), model(X), rtol=0, atol=1e-6)
