"""Exports in bfloat16 and with XLA; and what an export says of itself."""

import hashlib
import json

import keras
import numpy as np
import pytest
import served_models
import tensorflow as tf
import tiny

from keras_bert_layers import compress, models, serving
from keras_bert_layers.models.precision import in_bfloat16
from keras_bert_layers.serving.description import weights_sha256

TEXTS = ["the film is good .", "a [MASK] film", ""]


def test_bfloat16_halves_the_weights_and_keeps_the_answers(tmp_path):
    model = models.text_embedder(models.bert_encoder(tiny.config(hidden_dim=32, intermediate_dim=64)))
    path = serving.export(model, tmp_path / "model", tiny.preprocessor(), weights="bfloat16")
    loaded = tf.saved_model.load(path)
    vectors = loaded.signatures["text"](text=tf.constant(TEXTS))["vectors"]
    assert vectors.dtype == tf.float32
    np.testing.assert_allclose(vectors, model(tiny.preprocessor()(TEXTS)), atol=0.03)
    stored = tf.train.load_checkpoint(str(path / "variables" / "variables")).get_variable_to_dtype_map()
    # Each weight once.
    assert [dtype for name, dtype in stored.items() if "VARIABLE_VALUE" in name] == [tf.bfloat16] * len(model.weights)
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_a_tied_head_is_tied_in_the_copy_in_half_precision():
    copy = in_bfloat16(models.masked_lm(models.bert_encoder(tiny.config())))
    assert copy.get_layer("masked_lm").token_embedding is copy.get_layer("embeddings").token_embedding
    assert {weight.dtype for weight in copy.weights} == {"bfloat16"}


def test_endpoints_with_xla_stand_beside_those_without(tmp_path):
    model = models.text_classifier(models.bert_encoder(tiny.config()), labels=["a", "b"])
    path = serving.export(model, tmp_path / "model", tiny.preprocessor(), jit_compile=True)
    signatures = tf.saved_model.load(path).signatures
    assert set(signatures) == {
        "text",
        "text_xla",
        "token_ids",
        "token_ids_xla",
        "examples",
        "describe",
        "serving_default",
    }
    text = tf.constant(TEXTS)
    served = signatures["text_xla"](text=text)["probabilities"]
    np.testing.assert_allclose(served, signatures["text"](text=text)["probabilities"], atol=1e-5)
    features = tiny.preprocessor()(TEXTS)
    np.testing.assert_allclose(signatures["token_ids_xla"](**features)["logits"], model(features), atol=1e-5)


def test_an_export_says_what_it_is(served):
    export = served("multi_label")
    loaded = tf.saved_model.load(export.path)
    answers = loaded.signatures["describe"](rows=tf.constant(["", ""]))
    assert answers["labels"].numpy().astype(str).tolist() == [served_models.LABELS] * 2
    said = {name: value.numpy()[0] for name, value in answers.items() if name != "labels"}
    said = {name: value.decode() if isinstance(value, bytes) else int(value) for name, value in said.items()}
    vocabulary = "".join(f"{token}\n" for token in served_models.VOCABULARY).encode()
    assert said["task"] == "text_classification"
    assert said["problem_type"] == "multi_label"
    assert (said["sequence_length"], said["vocabulary_size"]) == (32, len(served_models.VOCABULARY))
    assert said["vocabulary_sha256"] == hashlib.sha256(vocabulary).hexdigest()
    assert said["weights_sha256"] == weights_sha256(export.model)
    extra = export.path / "assets.extra"
    assert json.loads((extra / "description.json").read_text(encoding="utf-8")) == {
        **said,
        "labels": served_models.LABELS,
    }
    assert (extra / "vocabulary.txt").read_bytes() == vocabulary
    assert (extra / "labels.txt").read_text(encoding="utf-8").split() == served_models.LABELS


def test_one_changed_weight_changes_the_fingerprint_and_a_name_does_not():
    def build(name):
        return models.text_embedder(keras.utils.set_random_seed(1) or models.bert_encoder(tiny.config()), name=name)

    before, renamed = build("a"), build("b")
    assert weights_sha256(before) == weights_sha256(renamed)
    renamed.weights[3].assign(renamed.weights[3] + 1e-3)
    assert weights_sha256(before) != weights_sha256(renamed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "int4"}, '`weights` must be "bfloat16" or "int8", or None'),
        ({"servers": ("1.15",)}, "must be versions of TensorFlow Serving among"),
        ({"batch_sizes": ()}, "`batch_sizes` must be positive"),
    ],
)
def test_unknown_settings_are_refused(arguments, message, tmp_path):
    model = models.text_embedder(models.bert_encoder(tiny.config()))
    with pytest.raises(ValueError, match=message):
        serving.export(model, tmp_path / "model", tiny.preprocessor(), **arguments)


def test_lora_is_merged_first(tmp_path):
    model = models.text_embedder(models.bert_encoder(tiny.config()))
    compress.add_lora(model, rank=2)
    with pytest.raises(ValueError, match=r"has LoRA matrices.*merge_lora\(model\)"):
        serving.export(model, tmp_path / "model", tiny.preprocessor())
