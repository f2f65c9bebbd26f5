"""What stands near what in a space of vectors: tokens among tokens, texts among texts."""

from collections.abc import Sequence

import keras
import numpy as np

from keras_bert_layers.models.encoder_parts import encoder_parts


def nearest(vectors: np.ndarray, queries: np.ndarray, count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """The vectors with the greatest cosine to each query, nearest first.

    Args:
        vectors: float [R, H], such as sentence vectors of a `models.text_embedder`.
        queries: float [Q, H].
        count: int > 0. How many, K; fewer if there are fewer vectors. Defaults to 10.

    Returns:
        Numbers of rows, int [Q, K], and their cosines, float32 [Q, K].

    Raises:
        ValueError: if the vectors are not of one width, or `count` is not positive.

    Example:
        >>> numbers, cosines = nearest(np.eye(3), np.array([[1.0, 0.1, 0.0]]), count=2)
        >>> numbers.tolist(), cosines.round(2).tolist()
        ([[0, 1]], [[1.0, 0.10000000149011612]])
    """
    vectors, queries = _unit(vectors), _unit(queries)
    if vectors.shape[-1] != queries.shape[-1] or count < 1:
        raise ValueError(
            "Expected `vectors` [R, H] and `queries` [Q, H] of one width, and a positive `count`. Received: "
            f"{vectors.shape}, {queries.shape} and {count}."
        )
    cosines = queries @ vectors.T
    order = np.argsort(-cosines, axis=-1, kind="stable")[:, :count]
    return order, np.take_along_axis(cosines, order, -1)


def nearest_tokens(
    model: keras.Model, tokenizer, tokens: Sequence[str], count: int = 10
) -> dict[str, list[tuple[str, float]]]:
    """The tokens whose embeddings have the greatest cosine to that of each token, itself left out.

    Args:
        model: of keras_bert_layers.models, with any head.
        tokenizer: that makes its ids.
        tokens: as the vocabulary writes them: `"film"`, `"##s"`.
        count: int > 0. How many. Defaults to 10.

    Returns:
        token -> its neighbours and their cosines, nearest first.

    Raises:
        ValueError: if the vocabulary lacks a token, or the model has no table of embeddings.

    Example:
        >>> from keras_bert_layers import models, text
        >>> tokenizer = text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi", "hey"])
        >>> config = models.BertConfig(vocabulary_size=6, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> found = nearest_tokens(models.bert_encoder(config), tokenizer, ["hi"], count=5)
        >>> sorted(token for token, _ in found["hi"])
        ['[CLS]', '[PAD]', '[SEP]', '[UNK]', 'hey']
    """
    table = token_vectors(model)[: tokenizer.vocabulary_size]
    ids = [tokenizer.token_to_id(token) for token in tokens]
    numbers, cosines = nearest(table, table[ids], count + 1)
    found = {}
    for token, own, row, values in zip(tokens, ids, numbers.tolist(), cosines.tolist(), strict=True):
        pairs = [(tokenizer.id_to_token(n), value) for n, value in zip(row, values, strict=True) if n != own]
        found[token] = pairs[:count]
    return found


def token_vectors(model: keras.Model) -> np.ndarray:
    """The table of token embeddings of a model, float [V, E]."""
    embeddings, _ = encoder_parts(model)
    return keras.ops.convert_to_numpy(embeddings.token_embedding.embeddings)


def _unit(vectors):
    vectors = np.asarray(vectors, "float32")
    if vectors.ndim != 2:
        raise ValueError(f"Vectors must have the shape [number, width]. Received: {vectors.shape}.")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
