"""The product that most of a masked-LM head's time goes into."""

import keras
from keras import ops

# In half precision, the number of columns that tensor cores need a multiple of.
_ALIGNMENT = 8


def vocabulary_scores(inputs, embeddings):
    """x Eᵀ, a score for every token of the vocabulary.

    On a GPU, in half precision, the product is over a multiple of 8 tokens (30,528 for BERT's 30,522), the last of
    which are zeros and cut off again: other widths keep cuBLAS from using tensor cores. Scores and gradients are the
    same.

    Args:
        inputs: float [..., H].
        embeddings: float [V, H], in the dtype of `inputs`.

    Returns:
        float [..., V].
    """
    size = embeddings.shape[0]
    excess = -size % _ALIGNMENT
    if not excess or keras.backend.standardize_dtype(embeddings.dtype) == "float32" or not _on_gpu():
        return ops.matmul(inputs, ops.transpose(embeddings))
    return ops.matmul(inputs, ops.transpose(ops.pad(embeddings, ((0, excess), (0, 0)))))[..., :size]


def _on_gpu():
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))
