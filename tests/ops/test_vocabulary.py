"""Scores over a vocabulary: the padded product of GPUs against the plain one."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import ops
from keras_bert_layers.ops import vocabulary

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 3, 4)).astype("float32")
E = rng.normal(size=(13, 4)).astype("float32")
WAVE = rng.normal(size=(2, 3, 13)).astype("float32")


def scores(dtype):
    """Scores, their gradients, and the widths of the products in the graph."""

    @tf.function(autograph=False)
    def run(x, embeddings):
        with tf.GradientTape() as tape:
            tape.watch([x, embeddings])
            found = ops.vocabulary_scores(x, embeddings)
            loss = tf.reduce_sum(tf.cast(found, tf.float32) * WAVE)
        return found, *tape.gradient(loss, [x, embeddings])

    x, embeddings = tf.cast(X, dtype), tf.cast(E, dtype)
    graph = run.get_concrete_function(x, embeddings).graph
    widths = [each.outputs[0].shape[-1] for each in graph.get_operations() if "MatMul" in each.type]
    return [tf.cast(each, tf.float32).numpy() for each in run(x, embeddings)], widths[0]


@pytest.mark.parametrize(("dtype", "width"), [("float32", 13), ("bfloat16", 16), ("float16", 16)])
def test_products_of_half_precision_have_aligned_widths_on_a_gpu(monkeypatch, dtype, width):
    expected, plain = scores(dtype)
    monkeypatch.setattr(vocabulary, "_on_gpu", lambda: True)
    found, aligned = scores(dtype)
    assert (plain, aligned) == (13, width)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_they_are_the_products_with_all_embeddings():
    np.testing.assert_allclose(ops.vocabulary_scores(X, E), np.einsum("bmh,vh->bmv", X, E), rtol=1e-5, atol=1e-6)
