"""Ids and positions: what is out of range is refused with a remedy, also where the length is not known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import layers

SPEC = tf.TensorSpec([None, None], tf.int32)


def embeddings():
    return layers.BertEmbeddings(11, 8, max_sequence_length=4)


def test_a_sequence_longer_than_the_table_is_refused_in_a_graph_of_unknown_length():
    layer = embeddings()
    layer(np.zeros((1, 4), "int32"))
    graph = tf.function(lambda ids: layer(ids), input_signature=[SPEC])
    assert graph(tf.zeros((1, 4), tf.int32)).shape == (1, 4, 8)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"(?s)outside the table of this PositionEmbedding\(sequence_length=4\).*"
        r"Shorten the input \(BertPreprocessor\(sequence_length=4\)\) or build with a larger table",
    ):
        graph(tf.zeros((1, 5), tf.int32))


def test_a_sequence_longer_than_the_table_is_refused_by_predict():
    tokens = keras.Input((None,), dtype="int32")
    model = keras.Model(tokens, embeddings()(tokens))
    with pytest.raises(ValueError, match=r"reaches 5 positions.*sequence_length=4.*Shorten the input"):
        model.predict(np.zeros((1, 5), "int32"), verbose=0)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"token_ids": [[11]]}, "below 11. Received values from 11 to 11. Tokenize with the vocabulary"),
        ({"token_ids": [[-1, 3]]}, "from 0 below 11. Received values from -1 to 3"),
        (
            {"token_ids": [[1]], "segment_ids": [[2]]},
            "below 2. Received values from 2 to 2. Number the segments from 0",
        ),
        ({"token_ids": [[1]], "position_ids": [[4]]}, "below 4. Received values from 4 to 4. Shorten the input"),
    ],
)
def test_an_id_out_of_range_is_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        embeddings()(**{name: np.array(value, "int32") for name, value in ids.items()})


def test_two_names_for_the_positions_are_refused_together():
    positions = np.array([[0, 1]])
    with pytest.raises(ValueError, match="Give only one"):
        layers.PositionEmbedding(4)(np.zeros((1, 2, 8), "float32"), positions=positions, position_ids=positions)


def test_ids_may_have_any_integer_type():
    layer = embeddings()
    expected = layer(np.array([[1, 2]], "int32"), segment_ids=np.array([[0, 1]], "int32"))
    for dtype in ("int64", "uint8"):
        actual = layer(np.array([[1, 2]], dtype), segment_ids=np.array([[0, 1]], dtype))
        np.testing.assert_array_equal(actual, expected)


def test_an_injected_table_is_the_one_that_is_read():
    token_embedding = layers.TokenEmbedding(11, 8)
    layer = layers.BertEmbeddings(11, 8, token_embedding=token_embedding)
    layer(np.array([[1]]))
    assert any(weight is token_embedding.embeddings for weight in layer.weights)
    assert sum(weight.shape == (11, 8) for weight in layer.weights) == 1


def test_the_embedding_reversed_scores_every_token():
    embedding = layers.TokenEmbedding(11, 8)
    vectors = embedding(np.array([[1, 2]]))
    np.testing.assert_allclose(
        embedding(vectors, reverse=True), np.asarray(vectors) @ np.asarray(embedding.embeddings).T, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(
    "layer",
    [layers.PositionEmbedding(4), layers.BertEmbeddings(11, 8, max_sequence_length=4)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_known_length_beyond_the_table_is_refused_while_the_model_is_built(layer):
    symbol = keras.Input((5,), dtype="int32") if isinstance(layer, layers.BertEmbeddings) else keras.Input((5, 8))
    with pytest.raises(ValueError, match=r"reaches 5 positions, .* sequence_length=4"):
        layer(symbol)


def test_packed_rows_may_be_longer_than_the_table():
    embeddings = layers.BertEmbeddings(11, 8, max_sequence_length=4)
    symbols = [keras.Input((5,), dtype="int32") for _ in range(2)]
    assert embeddings(symbols[0], position_ids=symbols[1]).shape == (None, 5, 8)


@pytest.mark.parametrize(
    ("part", "table", "inputs"),
    [
        ("token_embedding", lambda: layers.TokenEmbedding(11, 8), np.array([[1]])),
        ("position_embedding", lambda: layers.PositionEmbedding(4), np.zeros((1, 2, 8), "float32")),
        ("segment_embedding", lambda: layers.SegmentEmbedding(2, 8), np.array([[1]])),
    ],
)
def test_an_injected_table_that_is_already_built_keeps_its_weights(part, table, inputs):
    table = table()
    table(inputs)
    (matrix,) = table.weights
    embeddings = layers.BertEmbeddings(11, 8, max_sequence_length=4, **{part: table})
    embeddings(np.array([[1, 2]]))
    assert getattr(embeddings, part).weights == [matrix]
    assert len(embeddings.weights) == 5
