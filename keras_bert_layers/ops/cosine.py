"""Cosines of vectors, from their directions."""

from keras import ops


def unit_vectors(inputs):
    """x / |x| along the last axis, computed in float32.

    Args:
        inputs: float [..., H].

    Returns:
        float32 [..., H] of length 1. Zeros stay zeros, with a gradient that is finite.
    """
    vectors = ops.cast(inputs, "float32")
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    # A root of 0 has no gradient: there it is taken of 1.
    return vectors * ops.rsqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))


def pair_cosines(vectors):
    """x₀ · x₁ / (|x₀| |x₁|) of each pair of vectors: float [B, 2, H] -> float32 [B]; 0 where one is zeros.

    Raises:
        ValueError: if there are no two vectors an example.
    """
    if len(vectors.shape) != 3 or vectors.shape[1] != 2:
        raise ValueError(
            "A pair has two vectors: expected [B, 2, H], as keras_bert_layers.models.pair_embedder(embedder) puts them "
            f"out. Received the shape {tuple(vectors.shape)}."
        )
    directions = unit_vectors(vectors)
    return ops.sum(directions[:, 0] * directions[:, 1], axis=-1)
