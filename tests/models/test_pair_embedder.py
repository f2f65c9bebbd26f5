"""One embedder on all texts of an example: the vectors of each text alone, shared weights, saving."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import models

TEXTS = [["a film", "the film is very good .", "bad"], ["very bad", "good", "a very very good film ."]]


def features(texts):
    """Those of all texts together, shaped [B, T, S]."""
    flat = tiny.preprocessor()([text for row in texts for text in row])
    shape = (len(texts), len(texts[0]), -1)
    return {name: np.reshape(value, shape) for name, value in flat.items()}


@pytest.fixture
def embedder():
    return randomized(models.text_embedder(models.bert_encoder(tiny.config(), pooler=False)))


@pytest.mark.parametrize("num_texts", [2, 3])
def test_each_vector_is_that_of_its_text_alone(num_texts, embedder):
    texts = [row[:num_texts] for row in TEXTS]
    vectors = np.asarray(models.pair_embedder(embedder, num_texts)(features(texts)))
    assert vectors.shape == (2, num_texts, 8)
    for row in range(2):
        for column in range(num_texts):
            alone = np.asarray(embedder(tiny.preprocessor()([texts[row][column]])))[0]
            np.testing.assert_allclose(vectors[row, column], alone, atol=1e-5)


def test_its_layers_are_those_of_the_embedder(embedder):
    model = models.pair_embedder(embedder)
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in embedder.weights}
    for name in ("embeddings", "encoder", "pooling"):
        assert model.get_layer(name) is embedder.get_layer(name)


def test_two_texts_that_are_equal_differ_under_dropout():
    """What SimCSE trains on."""
    encoder = models.bert_encoder(tiny.config(dropout=0.5), pooler=False)
    model = models.pair_embedder(models.text_embedder(encoder))
    inputs = features([["a film", "a film"]])
    trained, used = model(inputs, training=True), model(inputs)
    assert np.abs(trained[0, 0] - trained[0, 1]).max() > 1e-3
    np.testing.assert_allclose(used[0, 0], used[0, 1], atol=1e-6)


def test_a_keras_file_gives_equal_vectors(embedder, tmp_path):
    model, inputs = models.pair_embedder(embedder, 3), features(TEXTS)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda embedder: models.pair_embedder(embedder, 1), "`num_texts` must be 2 or more"),
        (lambda embedder: models.pair_embedder("mean"), "must be a model with one vector"),
        (lambda embedder: models.pair_embedder(models.bert_encoder(tiny.config())), "must be a model with one vector"),
    ],
)
def test_a_bad_input_is_refused_with_what_was_expected(call, message, embedder):
    with pytest.raises(ValueError, match=message):
        call(embedder)
