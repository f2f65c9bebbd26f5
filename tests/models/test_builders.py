"""The ready-made models: named inputs, shared layers, published sizes, saving, plotting."""

import shutil

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import layers, models

BUILDERS = {
    "encoder": lambda encoder: encoder,
    "pretrainer": models.bert_pretrainer,
    "masked_lm": models.masked_lm,
    "classifier": lambda encoder: models.text_classifier(encoder, num_classes=3),
    "tagger": lambda encoder: models.token_classifier(encoder, num_classes=5),
    "span": models.span_predictor,
    "embedder": models.text_embedder,
    "embedder_cls": lambda encoder: models.text_embedder(encoder, pooling="cls", normalize=False),
}
builders = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)


def features(model, batch=3, length=6):
    rng = np.random.default_rng(0)
    values = {
        "token_ids": rng.integers(0, 15, (batch, length)),
        "segment_ids": rng.integers(0, 2, (batch, length)),
        "padding_mask": np.arange(length) < np.array([[length], [4], [2]]),
        "mask_positions": np.array([[1, 3], [2, -1], [-1, -1]]),
    }
    return {name: values[name].astype("int32") for name in model.input}


def randomize(model):
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(scale=0.3, size=weight.shape) for weight in model.get_weights()])


def assert_equal(actual, expected):
    keras.tree.map_structure(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-5), actual, expected)


@builders
def test_a_model_is_functional_with_named_inputs(build):
    model = build(models.bert_encoder(tiny.config()))
    assert type(model).__name__ == "Functional"
    assert {"token_ids", "segment_ids", "padding_mask"} <= set(model.input)


ALBERT = models.AlbertConfig(
    vocabulary_size=15, embedding_dim=4, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=12
)


@pytest.mark.parametrize(
    "encoder", [models.bert_encoder(tiny.config()), models.albert_encoder(ALBERT)], ids=["bert", "albert"]
)
def test_heads_on_the_first_position_compute_what_the_whole_encoder_gives_them(encoder):
    randomize(encoder)
    whole = encoder(features(encoder))
    classifier = models.text_classifier(encoder, num_classes=3)
    head = classifier.get_layer("classification")
    assert_equal(classifier(features(encoder)), head(whole["pooled_output"]))
    embedder = models.text_embedder(encoder, pooling="cls", normalize=False)
    assert_equal(embedder(features(encoder)), whole["sequence_output"][:, 0])
    for model in (classifier, embedder):
        assert model.get_layer("encoder")._inbound_nodes[-1].outputs[0].shape[1] == 1
    # The encoder is as it was.
    assert encoder.get_layer("encoder").output.shape == (None, None, 8)


@builders
def test_a_keras_file_gives_equal_outputs(build, tmp_path):
    model = build(models.bert_encoder(tiny.config(embedding_dim=4)))
    randomize(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(again(features(model)), model(features(model)))


@builders
def test_padding_never_changes_a_real_position(build):
    model = build(models.bert_encoder(tiny.config()))
    randomize(model)
    inputs = features(model)
    padding = inputs["padding_mask"] == 0
    changed = {**inputs, "token_ids": np.where(padding, 7, inputs["token_ids"])}

    def real(output):
        output = np.asarray(output)
        by_position = output.ndim > 1 and output.shape[1] == padding.shape[1]
        return output[~padding] if by_position else output

    outputs, others = model(inputs), model(changed)
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(real(x), real(y), rtol=0, atol=1e-6), outputs, others
    )


@builders
def test_the_graph_of_a_model_can_be_drawn(build):
    model = build(models.bert_encoder(tiny.config()))
    drawing = keras.utils.model_to_dot(model, show_shapes=True).to_string()
    assert "BertEmbeddings" in drawing
    assert "EncoderStack" in drawing


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz' `dot` on the PATH")
def test_a_model_is_plotted(tmp_path):
    model = models.bert_pretrainer(models.bert_encoder(tiny.config()))
    keras.utils.plot_model(model, tmp_path / "model.png", show_shapes=True)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("bert_tiny_uncased", 4_385_920), ("bert_mini_uncased", 11_170_560), ("bert_base_uncased", 109_482_240)],
)
def test_a_preset_has_as_many_parameters_as_the_published_model(preset, parameters):
    assert models.bert_encoder(models.BertConfig.from_preset(preset)).count_params() == parameters


def test_the_masked_lm_head_is_tied_and_stays_tied_after_loading(tmp_path):
    model = models.bert_pretrainer(models.bert_encoder(tiny.config()))
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        assert each.get_layer("masked_lm").token_embedding is each.get_layer("embeddings").token_embedding
        tables = [weight for weight in each.trainable_weights if tuple(weight.shape) == (15, 8)]
        assert len(tables) == 1


def test_heads_share_the_encoder_they_are_given():
    encoder = models.bert_encoder(tiny.config())
    classifier = models.text_classifier(encoder, num_classes=2)
    pretrainer = models.bert_pretrainer(encoder)
    kernel = classifier.get_layer("encoder").blocks[0].feed_forward.inner.kernel
    assert kernel is pretrainer.get_layer("encoder").blocks[0].feed_forward.inner.kernel


def test_every_setting_of_the_config_reaches_the_layers():
    config = tiny.config(
        dropout=0.2, attention_dropout=0.3, activation="gelu_tanh", layer_norm_epsilon=1e-6, initializer_range=0.5
    )
    encoder = models.bert_encoder(config)
    embeddings, block = encoder.get_layer("embeddings"), encoder.get_layer("encoder").blocks[1]
    assert (embeddings.dropout, block.attention.dropout, block.feed_forward.dropout) == (0.2, 0.2, 0.2)
    assert block.attention.attention_dropout == 0.3
    assert embeddings.layer_norm_epsilon == block.layer_norm_epsilon == 1e-6
    assert block.feed_forward.activation(1.0) == keras.activations.gelu(1.0, approximate=True)
    deviation = np.std(block.feed_forward.inner.kernel)
    assert 0.3 < deviation < 0.6


def test_length_one_vectors_when_normalized():
    embedder = models.text_embedder(models.bert_encoder(tiny.config()))
    np.testing.assert_allclose(np.linalg.norm(embedder(features(embedder)), axis=-1), 1.0, atol=1e-5)


@pytest.mark.parametrize("build", [value for name, value in BUILDERS.items() if name != "encoder"])
def test_a_head_on_something_else_says_what_it_needs(build):
    symbol = keras.Input((3,))
    stranger = keras.Model(symbol, layers.Linear(2)(symbol))
    with pytest.raises(ValueError, match=r"the output `(sequence|pooled)_output`.*bert_encoder"):
        build(stranger)


@pytest.mark.parametrize("build", [models.bert_pretrainer, lambda encoder: models.text_classifier(encoder, 2)])
def test_a_head_on_the_summary_of_an_encoder_without_a_pooler_says_so(build):
    encoder = models.bert_encoder(tiny.config(), pooler=False)
    assert set(encoder.output) == {"sequence_output"}
    with pytest.raises(ValueError, match=r"reads `pooled_output`.*no pooler.*pooler=True"):
        build(encoder)


def test_an_injected_pooler_is_the_one_that_is_used():
    pooler = layers.Pooler(activation="relu", name="pooler")
    encoder = models.bert_encoder(tiny.config(), pooler=pooler)
    assert encoder.get_layer("pooler") is pooler
    assert np.min(encoder(features(encoder))["pooled_output"]) == 0.0


def test_an_encoder_without_segments_takes_the_same_features_and_heeds_none():
    encoder = randomized(models.bert_encoder(tiny.config(num_segments=0)))
    inputs = features(encoder)
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask"}
    expected = encoder(inputs)["sequence_output"]
    inputs["segment_ids"] = 1 - inputs["segment_ids"]
    np.testing.assert_array_equal(encoder(inputs)["sequence_output"], expected)


def test_an_injected_masked_lm_head_is_the_one_that_is_used():
    head = layers.MaskedLMHead(vocabulary_size=15, name="masked_lm")
    model = models.masked_lm(models.bert_encoder(tiny.config()), head)
    assert model.get_layer("masked_lm") is head


def test_a_config_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=r"must be a BertConfig, .*Received: \{'hidden_dim': 8\}"):
        models.bert_encoder({"hidden_dim": 8})


def test_a_token_outside_the_vocabulary_fails_in_predict_with_the_remedy():
    model = models.text_classifier(models.bert_encoder(tiny.config()), num_classes=2)
    inputs = features(model)
    inputs["token_ids"][0, 0] = 15
    with pytest.raises(Exception, match=r"(?s)outside the vocabulary.*\[15\].*Tokenize with the vocabulary"):
        model.predict(inputs, verbose=0)
