"""Exports with weights of eight bits: their size, their answers without Python, and what refuses them."""

import os
import subprocess

import numpy as np
import pytest
import served_models
import tensorflow as tf
import tiny
from c_loader import LIBRARIES, Call, call, encode

from keras_bert_layers import compress, models, ops, serving, text

TEXTS = served_models.plain_texts(24)


def wide_classifier():
    """Wide enough for the matrices to be most of it."""
    config = tiny.config(
        vocabulary_size=len(served_models.VOCABULARY), hidden_dim=64, intermediate_dim=256, max_sequence_length=32
    )
    model = models.text_classifier(models.bert_encoder(config), labels=served_models.LABELS)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.2, size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """The same model in float32 and in int8."""
    folder, model = tmp_path_factory.mktemp("quantized"), wide_classifier()
    preprocessor = text.BertPreprocessor(text.BertTokenizer(served_models.VOCABULARY), sequence_length=32)
    plain = serving.export(model, folder / "float32", preprocessor)
    return model, preprocessor, plain, serving.export(model, folder / "int8", preprocessor, weights="int8")


def variables(path):
    return tf.train.load_checkpoint(str(path / "variables" / "variables"))


def test_its_weights_take_about_a_quarter(exports):
    _, _, plain, quantized = exports
    sizes = [(path / "variables" / "variables.data-00000-of-00001").stat().st_size for path in (plain, quantized)]
    assert 0.25 < sizes[1] / sizes[0] < 0.33
    stored = variables(quantized).get_variable_to_dtype_map()
    assert sum(dtype == tf.int8 for dtype in stored.values()) == 14


def test_it_answers_almost_like_the_model(exports):
    model, preprocessor, _, path = exports
    strings = tf.constant(TEXTS)
    served = tf.saved_model.load(path).signatures["text"](text=strings)["probabilities"]
    np.testing.assert_allclose(served, tf.nn.softmax(model(preprocessor(strings))), atol=0.05)


def test_without_python_it_answers_like_the_quantized_model(exports, c_caller):
    model, preprocessor, _, path = exports
    quantized = compress.quantize(model)
    features = {name: value.numpy() for name, value in preprocessor(tf.constant(TEXTS)).items()}
    calls = [Call("text", {"text": np.array(TEXTS, object)}), Call("token_ids", features)]
    from_text, from_ids = call(c_caller, path, calls)
    assert (from_text.message, from_ids.message) == ("", "")
    logits = quantized(features, training=False).numpy()
    # A last bit that differs rounds to the next of 127 steps.
    np.testing.assert_allclose(from_ids.outputs["logits"], logits, atol=0.02 * np.abs(logits).max())
    np.testing.assert_allclose(from_text.outputs["probabilities"], tf.nn.softmax(logits), atol=0.02)


def test_a_calibrated_model_is_exported_as_it_is(tmp_path):
    model, preprocessor = wide_classifier(), tiny.preprocessor()
    features = preprocessor(["the film is good .", "a bad film"])
    quantized = compress.quantize(model, calibration=[features])
    path = serving.export(quantized, tmp_path / "model", preprocessor)
    served = tf.saved_model.load(path).signatures["token_ids"](**features)["logits"].numpy()
    np.testing.assert_allclose(served, quantized(features), atol=0.02 * np.abs(served).max())


def test_a_cpu_without_vnni_gets_an_error_and_no_wrong_answer(exports, c_caller):
    """oneDNN can be told to use the instructions of older CPUs, whose sums of products are wrong."""
    if not ops.runs_in_integers():
        pytest.skip("needs a CPU with VNNI: without, exports multiply floats")
    _, _, _, path = exports
    calls = encode([Call("text", {"text": np.array(TEXTS[:1], object)})])
    result = subprocess.run(
        [c_caller, path, *LIBRARIES],
        input=calls,
        stdout=subprocess.PIPE,
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        check=True,
    )
    assert b"lacks the VNNI instructions" in result.stdout


def test_what_it_cannot_be_is_refused(tmp_path):
    model = wide_classifier()
    with pytest.raises(ValueError, match='"bfloat16" or "int8"'):
        serving.export(model, tmp_path / "model", tiny.preprocessor(), weights="int4")
    with pytest.raises(ValueError, match="Leave `jit_compile` and `compiled_lengths` out"):
        serving.export(model, tmp_path / "model", tiny.preprocessor(), weights="int8", jit_compile=True)
    with pytest.raises(ValueError, match="integers for weights already"):
        serving.export(compress.quantize(model), tmp_path / "model", tiny.preprocessor(), weights="int8")
    assert list(tmp_path.iterdir()) == []
