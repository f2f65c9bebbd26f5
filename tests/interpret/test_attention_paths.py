"""Rollout and flow, beside loops in NumPy and the maximum flow of networkx."""

import numpy as np
import pytest

from keras_bert_layers import interpret


def random_attention(*shape, seed=0):
    weights = np.random.default_rng(seed).exponential(size=shape) ** 3
    return weights / weights.sum(-1, keepdims=True)


def mixing_by_loops(attention):
    num_layers, num_heads, length, _ = attention.shape
    mixing = np.zeros((num_layers, length, length))
    for layer in range(num_layers):
        for i in range(length):
            for j in range(length):
                mean = sum(attention[layer, head, i, j] for head in range(num_heads)) / num_heads
                mixing[layer, i, j] = 0.5 * mean + 0.5 * (i == j)
    return mixing


def test_rollout_is_the_sum_over_all_paths():
    attention = random_attention(3, 2, 4, 4)
    mixing = mixing_by_loops(attention)
    expected = np.zeros((4, 4))
    for i in range(4):
        for a in range(4):
            for b in range(4):
                for j in range(4):
                    expected[i, j] += mixing[2, i, a] * mixing[1, a, b] * mixing[0, b, j]
    found = interpret.attention_rollout(attention)
    np.testing.assert_allclose(found[-1], expected, atol=1e-12)
    np.testing.assert_allclose(found[0], mixing[0], atol=1e-12)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-12)


def test_rollout_without_residual_is_the_product_of_the_means():
    attention = random_attention(2, 2, 3, 3)
    expected = attention[1].mean(0) @ attention[0].mean(0)
    np.testing.assert_allclose(interpret.attention_rollout(attention, residual=False)[-1], expected, atol=1e-12)


def test_a_batch_is_rolled_out_text_by_text():
    attention = random_attention(2, 3, 2, 4, 4)
    alone = [interpret.attention_rollout(each) for each in attention]
    np.testing.assert_allclose(interpret.attention_rollout(attention), alone, atol=1e-12)


def test_heads_that_a_layer_lacks_take_no_part():
    attention = random_attention(2, 2, 3, 3)
    with_gap = np.concatenate([attention, np.zeros_like(attention)], axis=1)
    np.testing.assert_allclose(interpret.attention_rollout(with_gap), interpret.attention_rollout(attention))


def test_nothing_comes_from_padding():
    attention = random_attention(2, 2, 4, 4)
    attention[..., 3] = 0
    attention /= attention.sum(-1, keepdims=True)
    np.testing.assert_array_equal(interpret.attention_rollout(attention)[:, :3, 3], 0)


@pytest.mark.parametrize("shape", [(1, 2, 4, 4), (3, 2, 5, 5)])
def test_flow_is_the_maximum_flow_of_networkx(shape):
    networkx = pytest.importorskip("networkx", reason="needs networkx: pip install networkx")
    attention = random_attention(*shape)
    num_layers, _, length, _ = shape
    graph = networkx.DiGraph()
    for layer, mixing in enumerate(mixing_by_loops(attention)):
        for i in range(length):
            for j in range(length):
                graph.add_edge((layer + 1, i), (layer, j), capacity=mixing[i, j])
    expected = [
        [networkx.maximum_flow_value(graph, (num_layers, i), (0, j)) for j in range(length)] for i in range(length)
    ]
    np.testing.assert_allclose(interpret.attention_flow(attention), expected, atol=1e-9)
    np.testing.assert_allclose(interpret.attention_flow(attention, positions=[2]), expected[2:3], atol=1e-9)


@pytest.mark.parametrize(
    ("function", "attention", "message"),
    [
        (interpret.attention_rollout, np.ones((2, 3, 4)), r"\[..., layers, heads, length, length\]"),
        (interpret.attention_flow, np.ones((1, 2, 1, 3, 3)), "that of one text"),
    ],
)
def test_another_shape_is_refused(function, attention, message):
    with pytest.raises(ValueError, match=message):
        function(attention)


def test_a_position_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"from 0 to 2. Received: \[3\]"):
        interpret.attention_flow(random_attention(1, 1, 3, 3), positions=[3])
