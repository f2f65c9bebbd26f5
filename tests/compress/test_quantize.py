"""Models with weights of eight and of sixteen bits: what they answer, hold, save and refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import compress, convert, layers, models

FEATURES = {
    "token_ids": np.array([[2, 5, 8, 10, 3, 0], [2, 7, 11, 3, 0, 0]], "int32"),
    "segment_ids": np.zeros((2, 6), "int32"),
    "padding_mask": np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]], "int32"),
    "mask_positions": np.array([[1, 2], [1, -1]], "int32"),
}


def encoder(**changes):
    return models.bert_encoder(tiny.config(hidden_dim=16, intermediate_dim=32, **changes))


def albert():
    sizes = {"hidden_dim": 16, "num_heads": 2, "intermediate_dim": 32, "embedding_dim": 8, "max_sequence_length": 16}
    return models.albert_encoder(models.AlbertConfig(vocabulary_size=len(tiny.VOCABULARY), num_layers=2, **sizes))


MODELS = {
    "classifier": lambda: models.text_classifier(encoder(), labels=["a", "b", "c"]),
    "masked_lm": lambda: models.masked_lm(encoder()),
    "tagger": lambda: models.token_classifier(encoder(), 3),
    "albert": lambda: models.text_classifier(albert(), 2),
}
any_model = pytest.mark.parametrize("name", MODELS)


def build(name):
    model, rng = MODELS[name](), np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.3, size=weight.shape) for weight in model.get_weights()])
    return model


def answers(model):
    outputs = model({name: FEATURES[name] for name in model.input}, training=False)
    return np.asarray(tf.cast(outputs, tf.float32))


def int8_weights(model):
    return [weight for weight in model.weights if weight.dtype == "int8"]


@any_model
@pytest.mark.parametrize("options", [{}, {"embeddings": False}, {"calibration": [FEATURES]}, {"dtype": "bfloat16"}])
def test_it_answers_almost_alike_and_leaves_the_model_alone(name, options):
    model = build(name)
    before, weights = answers(model), model.get_weights()
    after = answers(compress.quantize(model, **options))
    difference = np.abs(after - before).max()
    assert 0 < difference < 0.05 * np.abs(before).max()
    np.testing.assert_array_equal(answers(model), before)
    for weight, value in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, value)


@any_model
def test_it_is_the_model_of_the_rounded_weights(name, monkeypatch):
    """With inputs left as they are, what remains is a model whose weights were rounded."""
    model = build(name)
    quantized = compress.quantize(model)
    of_integers = {layer.path: layer for layer in quantized._flatten_layers() if layer.quantization_mode == "int8"}
    for layer in model._flatten_layers():
        if layer.path in of_integers:
            matrix, its = ("_kernel", "kernel") if isinstance(layer, layers.Linear) else ("_embeddings", "embeddings")
            rounded = getattr(of_integers[layer.path], its)
            step = np.abs(getattr(layer, matrix)).max(0 if its == "kernel" else -1, keepdims=True) / 127
            assert (np.abs(np.asarray(rounded) - np.asarray(getattr(layer, matrix))) <= step * 0.501).all()
            getattr(layer, matrix).assign(rounded)
    rounded_answers = answers(model)
    monkeypatch.setattr(layers.Linear, "_int8_call", layers.Linear.call)
    if name != "masked_lm":  # whose table is multiplied as well
        np.testing.assert_allclose(answers(quantized), rounded_answers, atol=1e-5)
    assert len(of_integers) >= 13 if name != "albert" else len(of_integers) >= 8


@any_model
def test_it_is_a_quarter_of_the_size(name):
    model = build(name)
    quantized = compress.quantize(model)
    matrices = sum(int(np.prod(weight.shape)) for weight in int8_weights(quantized))
    logits = {weight.path for layer in model._flatten_layers() if layer.name == "logits" for weight in layer.weights}
    names = ("kernel", "embeddings")
    expected = [
        int(np.prod(weight.shape))
        for weight in model.weights
        if weight.name in names
        and weight.path not in logits
        and "position" not in weight.path
        and "segment" not in weight.path
    ]
    assert matrices == sum(expected)


def test_the_last_logits_stay_as_they_are():
    quantized = compress.quantize(build("classifier"))
    modes = {layer.path: layer.quantization_mode for layer in quantized._flatten_layers() if layer.name == "logits"}
    assert list(modes.values()) == [None]


@any_model
@pytest.mark.parametrize("options", [{}, {"calibration": [FEATURES]}, {"dtype": "bfloat16"}])
def test_a_keras_file_keeps_it(name, options, tmp_path):
    quantized = compress.quantize(build(name), **options)
    quantized.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(answers(again), answers(quantized), atol=1e-5)
    assert [(each.dtype, each.shape) for each in again.weights] == [
        (each.dtype, each.shape) for each in quantized.weights
    ]


def test_our_own_format_keeps_it(tmp_path):
    quantized = compress.quantize(build("classifier"))
    convert.save_pretrained(quantized, tmp_path / "model", tiny.tokenizer())
    loaded = convert.from_pretrained(tmp_path / "model")
    np.testing.assert_allclose(answers(loaded.model), answers(quantized), atol=1e-5)
    assert len(int8_weights(loaded.model)) == len(int8_weights(quantized)) == 14
    assert loaded.labels == ["a", "b", "c"]


def test_keras_own_quantize_does_the_same():
    model = build("classifier")
    expected = answers(compress.quantize(model))
    model.quantize("int8", filters=lambda layer: type(layer) in (layers.Linear, layers.TokenEmbedding))
    np.testing.assert_allclose(answers(model), expected, atol=0.02)
    assert len(int8_weights(model)) == 15


def test_a_text_is_answered_as_if_it_were_alone():
    quantized = compress.quantize(build("classifier"))
    together = answers(quantized)
    inputs = {name: FEATURES[name] for name in quantized.input}
    for row in range(2):
        alone = quantized({name: value[row : row + 1] for name, value in inputs.items()}, training=False)
        np.testing.assert_allclose(together[row], alone[0], atol=5e-3)


def test_the_tied_matrix_of_a_masked_lm_is_kept_once():
    quantized = compress.quantize(build("masked_lm"))
    assert quantized.get_layer("masked_lm").token_embedding is quantized.get_layer("embeddings").token_embedding
    assert sum(weight.name == "embeddings" for weight in int8_weights(quantized)) == 1


def test_predict_and_a_compiled_graph_give_the_same():
    quantized = compress.quantize(build("classifier"))
    inputs = {name: FEATURES[name] for name in quantized.input}
    np.testing.assert_allclose(quantized.predict(inputs, verbose=0), answers(quantized), atol=5e-3)
    compiled = tf.function(lambda features: quantized(features, training=False), jit_compile=True)
    np.testing.assert_allclose(compiled(inputs), answers(quantized), atol=5e-3)


def test_calibration_takes_the_largest_of_all_batches():
    model = build("classifier")
    small = {**FEATURES, "token_ids": np.full((2, 6), 5, "int32")}
    ranges = [
        [layer.inputs_range.numpy() for layer in quantized._flatten_layers() if hasattr(layer, "inputs_range")]
        for quantized in (
            compress.quantize(model, calibration=batches) for batches in ([small], [(FEATURES, 0)], [small, FEATURES])
        )
    ]
    assert len(ranges[0]) == 13
    # In later layers rounding differs by what ranges do not say while they are taken: nothing.
    np.testing.assert_allclose(ranges[2], np.maximum(ranges[0], ranges[1]), rtol=1e-5)


def lora():
    model = build("classifier")
    compress.add_lora(model)
    return model


REFUSED = {
    "another dtype": (lambda: build("classifier"), {"dtype": "int4"}, "must be one of"),
    "calibration of bfloat16": (lambda: build("classifier"), {"dtype": "bfloat16", "calibration": []}, "are for"),
    "no batches": (lambda: build("classifier"), {"calibration": []}, "Received none"),
    "LoRA": (lora, {}, "merge_lora"),
    "twice": (lambda: compress.quantize(build("classifier")), {}, "already"),
    "bfloat16": (lambda: compress.quantize(build("classifier"), "bfloat16"), {}, "weights in bfloat16"),
    "none of our layers": (
        lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
        {},
        "no Linear layer",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused(case):
    make, options, message = REFUSED[case]
    model = make()
    with pytest.raises(ValueError, match=message):
        compress.quantize(model, **options)


def test_ranges_are_taken_of_integers_only():
    layer = layers.Linear(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match=r'after `quantize\("int8"\)` only'):
        layer.calibrate(True)


NEEDS_FLOATS = {
    "add_lora": lambda model, path: compress.add_lora(model, 2),
    "student_of": lambda model, path: compress.student_of(model),
    "prune_heads": lambda model, path: compress.prune_heads(model, {0: [1]}),
    "to_huggingface": convert.to_huggingface,
    "to_google": convert.to_google,
    "to_keras_hub": convert.to_keras_hub,
}


@pytest.mark.parametrize("name", NEEDS_FLOATS)
def test_what_needs_floats_says_so_and_writes_nothing(name, tmp_path):
    quantized = compress.quantize(build("classifier"))
    with pytest.raises(ValueError, match=r"integers for weights, and .* needs the floats"):
        NEEDS_FLOATS[name](quantized, tmp_path / "there")
    assert not list(tmp_path.iterdir())
