"""Parity with keras-hub: changing the import is all that the user of one of its layers has to do."""

import inspect

import keras
import keras_hub
import numpy as np
import pytest
from parity_weights import assert_names_every_weight, randomized, variable

from keras_bert_layers import layers, models

BATCH, LENGTH, WIDTH, HEADS, INNER, VOCABULARY = 3, 6, 8, 2, 12, 13

# Ours <- keras-hub's. Shapes differ where Keras' attention keeps the heads on an axis of their own.
BLOCK = {
    "attention.query.kernel": "_self_attention_layer.query_dense.kernel",
    "attention.query.bias": "_self_attention_layer.query_dense.bias",
    "attention.key.kernel": "_self_attention_layer.key_dense.kernel",
    "attention.key.bias": "_self_attention_layer.key_dense.bias",
    "attention.value.kernel": "_self_attention_layer.value_dense.kernel",
    "attention.value.bias": "_self_attention_layer.value_dense.bias",
    "attention.output_projection.kernel": "_self_attention_layer.output_dense.kernel",
    "attention.output_projection.bias": "_self_attention_layer.output_dense.bias",
    "attention_norm.gamma": "_self_attention_layer_norm.gamma",
    "attention_norm.beta": "_self_attention_layer_norm.beta",
    "feed_forward.inner.kernel": "_feedforward_intermediate_dense.kernel",
    "feed_forward.inner.bias": "_feedforward_intermediate_dense.bias",
    "feed_forward.outer.kernel": "_feedforward_output_dense.kernel",
    "feed_forward.outer.bias": "_feedforward_output_dense.bias",
    "feed_forward_norm.gamma": "_feedforward_layer_norm.gamma",
    "feed_forward_norm.beta": "_feedforward_layer_norm.beta",
}
HEAD = {
    "transform.kernel": "_intermediate_dense.kernel",
    "transform.bias": "_intermediate_dense.bias",
    "norm.gamma": "_intermediate_layer_norm.gamma",
    "norm.beta": "_intermediate_layer_norm.beta",
    "output_bias": "_bias",
}
TIED = {"output_embedding.embeddings": "token_embedding.embeddings"}
EMBEDDINGS = {
    "token_embedding.embeddings": "token_embedding.embeddings",
    "position_embedding.position_embeddings": "position_embedding.position_embeddings",
    "segment_embedding.segment_embeddings": "segment_embedding.embeddings",
    "norm.gamma": "embeddings_layer_norm.gamma",
    "norm.beta": "embeddings_layer_norm.beta",
}
POOLER = {"dense.kernel": "pooled_dense.kernel", "dense.bias": "pooled_dense.bias"}

PADDING = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 0, 1, 0, 1, 0]], "int32")
REAL = PADDING.astype(bool)
# Every query sees itself: a query that sees nothing is where the two differ (zeros here, the mean of all there).
PAIRS = np.random.default_rng(3).integers(0, 2, (BATCH, LENGTH, LENGTH)) | np.eye(LENGTH, dtype="int64")
MASKS = {
    "none": {},
    "padding": {"padding_mask": PADDING},
    "pairs": {"attention_mask": PAIRS},
    "both": {"padding_mask": PADDING, "attention_mask": PAIRS},
}


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def ids(limit, *shape, seed=1):
    return np.random.default_rng(seed).integers(0, limit, size=shape).astype("int32")


X = floats(BATCH, LENGTH, WIDTH)


def copy_weights(ours, theirs, table):
    for here, there in table.items():
        target = variable(ours, here)
        target.assign(keras.ops.reshape(variable(theirs, there), target.shape))


def both_built(name, *inputs, **arguments):
    """Our layer and keras-hub's of one name, made by the same call, called with the same inputs."""
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras_hub.layers, name)(**arguments)
    ours(*inputs)
    theirs(*inputs)
    return ours, randomized(theirs)


def assert_close(actual, expected):
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["TransformerEncoder", "PositionEmbedding", "MaskedLMHead"])
@pytest.mark.parametrize("method", ["__init__", "call"])
def test_every_argument_of_keras_hub_is_accepted_in_the_same_order(name, method):
    theirs = list(inspect.signature(getattr(getattr(keras_hub.layers, name), method)).parameters)
    ours = list(inspect.signature(getattr(getattr(layers, name), method)).parameters)
    theirs = [argument for argument in theirs if argument != "kwargs"]
    assert ours[: len(theirs)] == theirs


def test_the_block_table_names_every_weight_of_both():
    ours, theirs = both_built("TransformerEncoder", X, intermediate_dim=INNER, num_heads=HEADS)
    assert_names_every_weight(ours, BLOCK.keys())
    assert_names_every_weight(theirs, BLOCK.values())


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize(
    "arguments",
    [
        {"activation": "gelu"},
        {"activation": "relu", "layer_norm_epsilon": 1e-5, "normalize_first": True},
        {"activation": "tanh", "layer_norm_epsilon": 0.1, "dropout": 0.3},
    ],
    ids=["post_norm", "pre_norm", "dropout"],
)
def test_transformer_encoder_gives_the_same_outputs_and_scores(arguments, masks):
    arguments = {"layer_norm_epsilon": 1e-5, **arguments, "intermediate_dim": INNER, "num_heads": HEADS}
    ours, theirs = both_built("TransformerEncoder", X, **arguments)
    copy_weights(ours, theirs, BLOCK)
    real = REAL if "padding_mask" in masks else np.ones_like(REAL)
    assert_close(np.asarray(ours(X, **masks))[real], np.asarray(theirs(X, **masks))[real])

    output, scores = ours(X, **masks, return_attention_scores=True)
    expected_output, expected_scores = theirs(X, **masks, return_attention_scores=True)
    assert_close(np.asarray(output)[real], np.asarray(expected_output)[real])
    by_query, expected_by_query = (np.moveaxis(np.asarray(s), 1, 2)[real] for s in (scores, expected_scores))
    assert_close(by_query, expected_by_query)


def test_return_attention_scores_works_in_a_functional_model():
    symbol, mask = keras.Input((None, WIDTH)), keras.Input((None,), dtype="int32")
    block = layers.TransformerEncoder(INNER, HEADS)
    model = keras.Model([symbol, mask], block(symbol, padding_mask=mask, return_attention_scores=True))
    output, scores = model([X, PADDING])
    assert_close(output, block(X, padding_mask=PADDING))
    assert_close(scores, block.attention_weights(X, padding_mask=PADDING))


def test_an_implicit_mask_counts_as_it_does_there():
    tokens = np.array([[3, 1, 4, 1, 5, 0], [2, 6, 0, 0, 0, 0], [1, 0, 2, 0, 3, 0]], "int32")
    embedded = keras.layers.Embedding(7, WIDTH, mask_zero=True)(tokens)
    arguments = {"intermediate_dim": INNER, "num_heads": HEADS, "activation": "relu", "layer_norm_epsilon": 1e-5}
    ours, theirs = both_built("TransformerEncoder", X, **arguments)
    copy_weights(ours, theirs, BLOCK)
    real = tokens != 0
    assert_close(np.asarray(ours(embedded))[real], np.asarray(theirs(embedded))[real])
    scores, expected = (np.asarray(block(embedded, return_attention_scores=True)[1]) for block in (ours, theirs))
    assert_close(np.moveaxis(scores, 1, 2)[real], np.moveaxis(expected, 1, 2)[real])


@pytest.mark.parametrize(
    ("shape", "call"),
    [
        ((BATCH, LENGTH, WIDTH), {}),
        ((LENGTH, WIDTH), {}),
        ((2, BATCH, LENGTH, WIDTH), {}),
        ((BATCH, LENGTH, WIDTH), {"start_index": 3}),
        ((BATCH, LENGTH, WIDTH), {"positions": np.array([4, 0, 8, 8, 1, 2], "int32")}),
        ((BATCH, LENGTH, WIDTH), {"positions": ids(9, BATCH, LENGTH)}),
        ((BATCH, LENGTH, WIDTH), {"positions": ids(9, BATCH, LENGTH), "start_index": 3}),
    ],
    ids=["counted", "no_batch", "two_batch_axes", "start", "positions", "positions_of_each", "positions_go_first"],
)
def test_position_embedding(shape, call):
    inputs = floats(*shape)
    ours, theirs = both_built("PositionEmbedding", inputs, sequence_length=9)
    copy_weights(ours, theirs, {"position_embeddings": "position_embeddings"})
    assert_close(ours(inputs, **call), theirs(inputs, **call))


def token_embedding(library, width):
    layer = {"ours": layers.TokenEmbedding, "theirs": keras_hub.layers.ReversibleEmbedding}[library]
    return layer(VOCABULARY, width)


@pytest.mark.parametrize("activation", [None, "softmax"])
@pytest.mark.parametrize("width", [None, WIDTH, 3], ids=["untied", "tied", "factorised"])
def test_masked_lm_head(width, activation):
    positions = np.array([[0, 5, 2], [3, 3, 1], [4, 0, 0]], "int32")
    arguments = {
        "vocabulary_size": VOCABULARY,
        "intermediate_activation": "gelu",
        "activation": activation,
        "layer_norm_epsilon": 1e-5,
        "kernel_initializer": "glorot_uniform",
        "bias_initializer": "zeros",
    }
    ours = layers.MaskedLMHead(token_embedding=width and token_embedding("ours", width), **arguments)
    theirs = keras_hub.layers.MaskedLMHead(token_embedding=width and token_embedding("theirs", width), **arguments)
    if width:
        theirs.token_embedding.build()
    ours(X, positions)
    theirs(X, positions)
    copy_weights(ours, randomized(theirs), HEAD | (TIED if width else {}))
    if not width:
        ours.output_embedding.embeddings.assign(keras.ops.transpose(theirs._kernel))
    assert len(ours.weights) == len(theirs.weights) == len(HEAD) + 1
    assert_close(ours(X, mask_positions=positions), theirs(X, mask_positions=positions))


def test_masked_lm_head_takes_keras_hubs_own_embedding():
    embedding = keras_hub.layers.ReversibleEmbedding(VOCABULARY, WIDTH)
    positions = ids(LENGTH, BATCH, 2)
    head = layers.MaskedLMHead(vocabulary_size=VOCABULARY, token_embedding=embedding)
    assert head(X, positions).shape == (BATCH, 2, VOCABULARY)
    assert head.output_embedding.embeddings is embedding.embeddings


def test_token_and_position_embedding_is_the_sum_of_two_parts():
    tokens = ids(VOCABULARY, BATCH, LENGTH)
    theirs = keras_hub.layers.TokenAndPositionEmbedding(VOCABULARY, 9, WIDTH)
    theirs(tokens)
    randomized(theirs)
    token, position = layers.TokenEmbedding(VOCABULARY, WIDTH), layers.PositionEmbedding(9)
    position(token(tokens))
    token.embeddings.assign(theirs.token_embedding.embeddings)
    position.position_embeddings.assign(theirs.position_embedding.position_embeddings)
    embedded = token(tokens)
    assert_close(embedded + position(embedded), theirs(tokens))
    assert_close(token(embedded, reverse=True), theirs.token_embedding(embedded, reverse=True))


def test_bert_backbone():
    sizes = {
        "vocabulary_size": VOCABULARY,
        "num_layers": 2,
        "num_heads": HEADS,
        "hidden_dim": WIDTH,
        "intermediate_dim": INNER,
        "max_sequence_length": 9,
        "num_segments": 3,
    }
    theirs = randomized(keras_hub.models.BertBackbone(**sizes))
    ours = models.bert_encoder(models.BertConfig(**sizes, activation="gelu_tanh"))
    assert len(ours.weights) == len(theirs.weights)
    copy_weights(ours.get_layer("embeddings"), theirs, EMBEDDINGS)
    for block, their_block in zip(ours.get_layer("encoder").blocks, theirs.transformer_layers, strict=True):
        copy_weights(block, their_block, BLOCK)
    copy_weights(ours.get_layer("pooler"), theirs, POOLER)

    features = {
        "token_ids": ids(VOCABULARY, BATCH, LENGTH),
        "segment_ids": ids(3, BATCH, LENGTH, seed=2),
        "padding_mask": PADDING,
    }
    actual, expected = ours(features), theirs(features)
    assert_close(np.asarray(actual["sequence_output"])[REAL], np.asarray(expected["sequence_output"])[REAL])
    assert_close(actual["pooled_output"], expected["pooled_output"])
