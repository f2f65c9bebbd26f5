"""ELECTRA: factorised embeddings or not, and the head that detects replaced tokens."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import models

FEATURES = {
    "token_ids": np.array([[2, 5, 6, 3], [2, 7, 3, 0]], "int32"),
    "segment_ids": np.array([[0, 0, 1, 1], [0, 0, 0, 0]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], "int32"),
}


def detector(**changes):
    return randomized(models.replaced_token_detector(models.electra_encoder(tiny.config(**changes))))


@pytest.mark.parametrize("embedding_dim", [None, 4])
def test_only_embeddings_of_another_width_are_projected(embedding_dim):
    encoder = models.electra_encoder(tiny.config(embedding_dim=embedding_dim))
    assert (encoder.get_layer("embeddings").projection is not None) == (embedding_dim is not None)
    assert set(encoder.output) == {"sequence_output"}
    assert models.config_of(encoder) == tiny.config(embedding_dim=embedding_dim)


def test_it_has_as_many_parameters_as_the_published_small_discriminator():
    config = models.BertConfig(hidden_dim=256, num_heads=4, intermediate_dim=1024, embedding_dim=128)
    assert models.electra_encoder(config).count_params() == 13_483_008


def test_its_pooler_has_gelu():
    encoder = randomized(models.electra_encoder(tiny.config(), pooler=True))
    outputs = encoder(FEATURES)
    dense = encoder.get_layer("pooler").dense
    expected = keras.activations.gelu(
        keras.ops.matmul(outputs["sequence_output"][:, 0], dense.kernel) + dense.bias, approximate=False
    )
    np.testing.assert_allclose(outputs["pooled_output"], expected, atol=1e-6)


def test_the_detector_computes_its_equation():
    model = detector(activation="relu")
    x = model.get_layer("embeddings")(FEATURES["token_ids"], segment_ids=FEATURES["segment_ids"])
    x = np.asarray(model.get_layer("encoder")(x, padding_mask=FEATURES["padding_mask"]))
    transform, head = model.get_layer("replaced_token_transform"), model.get_layer("replaced_token").logits
    hidden = np.maximum(x @ np.asarray(transform.kernel) + np.asarray(transform.bias), 0)
    expected = (hidden @ np.asarray(head.kernel) + np.asarray(head.bias))[..., 0]
    np.testing.assert_allclose(model(FEATURES), expected, atol=1e-5)


def test_padding_never_changes_what_the_detector_says_of_a_real_token():
    model = detector(embedding_dim=4)
    changed = {**FEATURES, "token_ids": np.where(FEATURES["padding_mask"] == 0, 9, FEATURES["token_ids"])}
    real = FEATURES["padding_mask"].astype(bool)
    np.testing.assert_allclose(np.asarray(model(changed))[real], np.asarray(model(FEATURES))[real], atol=1e-6)


def test_a_detector_in_a_keras_file_gives_equal_outputs(tmp_path):
    model = detector(embedding_dim=4)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(FEATURES), model(FEATURES))
    assert models.config_of(again) == tiny.config(embedding_dim=4)


def test_a_detector_learns_with_compile_and_fit():
    model = models.replaced_token_detector(models.electra_encoder(tiny.config(dropout=0.0)))
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    replaced = np.array([[0, 1, 0, 0], [0, 0, 0, 0]], "float32")
    history = model.fit(
        FEATURES, replaced[..., None], sample_weight=FEATURES["padding_mask"][..., None], epochs=3, verbose=0
    )
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_a_detector_on_something_else_says_what_it_needs():
    symbol = keras.Input((3,))
    with pytest.raises(ValueError, match="the output `sequence_output`"):
        models.replaced_token_detector(keras.Model(symbol, symbol))
