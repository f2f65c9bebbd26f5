"""A SavedModel that answers like the model, or no directory at all."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import models, serving, text
from keras_bert_layers.serving.endpoints import text_endpoint, text_task
from keras_bert_layers.serving.forward import plain_forward
from keras_bert_layers.serving.settings import Settings

LABELS = ["negative", "neutral", "positive"]
TEXTS = ["the film is good .", "Bad!", ""]


def classifier(num_classes=3, **settings):
    model = models.text_classifier(models.bert_encoder(tiny.config()), num_classes, **settings)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A classifier, its preprocessor, and where they were exported to."""
    model, preprocessor = classifier(), tiny.preprocessor()
    path = serving.export(model, tmp_path_factory.mktemp("served") / "model" / "1", preprocessor, LABELS)
    return model, preprocessor, path


def test_text_in_gives_probabilities_and_labels(exported):
    model, preprocessor, path = exported
    loaded = tf.saved_model.load(path)
    served = loaded.signatures["text"](text=tf.constant(TEXTS))
    expected = tf.nn.softmax(model(preprocessor(TEXTS))).numpy()
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(served["score"], expected.max(axis=-1), atol=1e-5)
    assert served["label"].numpy().astype(str).tolist() == [LABELS[index] for index in expected.argmax(axis=-1)]


def test_text_is_the_default_signature(exported):
    loaded = tf.saved_model.load(exported[-1])
    assert set(loaded.signatures) == {"serving_default", "text", "examples", "token_ids", "describe"}
    assert list(loaded.signatures["serving_default"].structured_input_signature[1]) == ["text"]


def test_ids_in_give_logits(exported):
    model, preprocessor, path = exported
    features = preprocessor(TEXTS)
    loaded = tf.saved_model.load(path)
    np.testing.assert_allclose(loaded.signatures["token_ids"](**features)["logits"], model(features), atol=1e-5)


def test_a_fresh_process_with_tensorflow_and_its_text_operations_alone_answers(exported):
    script = (
        "import tensorflow as tf, tensorflow_text, sys\n"
        f"loaded = tf.saved_model.load({str(exported[-1])!r})\n"
        "served = loaded.signatures['text'](text=tf.constant(['good film']))\n"
        "print(served['label'].numpy()[0].decode(), 'keras_bert_layers' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    label, imported = result.stdout.split()
    assert label in LABELS
    assert imported == "False"


def answers_of(model, *texts, **settings):
    """What the text endpoint of an export will say, without the seconds that an export takes."""
    task = text_task(plain_forward(model), model, tiny.preprocessor(), Settings(**settings))
    return text_endpoint(task).function(dict(zip(task.inputs, map(tf.constant, texts or [TEXTS]), strict=True)))


def test_pairs_take_two_texts():
    model = classifier()
    answers = answers_of(model, ["good film"], ["bad film"], labels=tuple(LABELS), pairs=True)
    expected = tf.nn.softmax(model(tiny.preprocessor()((["good film"], ["bad film"]))))
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "outputs"),
    [
        (lambda encoder: encoder, {"sequence_output", "pooled_output"}),
        (lambda encoder: models.token_classifier(encoder, 4), {"logits"}),
        (models.text_embedder, {"vectors"}),
        (lambda encoder: models.text_embedder(encoder, normalize=False), {"vectors"}),
    ],
)
def test_without_labels_the_raw_outputs_come_by_name(build, outputs):
    assert set(answers_of(build(models.bert_encoder(tiny.config())))) == outputs


def test_labels_of_the_model_need_no_naming(tmp_path):
    path = serving.export(classifier(labels=LABELS), tmp_path / "1", tiny.preprocessor())
    answers = tf.saved_model.load(path).signatures["text"](text=tf.constant(TEXTS))
    assert set(answers["label"].numpy().astype(str)) <= set(LABELS)


def test_several_labels_come_sorted_with_the_number_of_those_that_hold():
    model = classifier(labels=LABELS, problem_type="multi_label")
    answers = answers_of(model, labels=tuple(LABELS))
    expected = 1 / (1 + np.exp(-model(tiny.preprocessor()(TEXTS)).numpy()))
    assert set(answers) == {"probabilities", "labels", "scores", "count"}
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answers["scores"], -np.sort(-expected), atol=1e-5)
    np.testing.assert_array_equal(answers["count"], (expected > 0.5).sum(axis=-1))
    ranked = [[LABELS[index] for index in row] for row in np.argsort(-expected)]
    assert answers["labels"].numpy().astype(str).tolist() == ranked


@pytest.mark.parametrize("labels", [None, ["stars"]])
def test_a_regression_gives_its_value(labels):
    model = classifier(1, labels=labels)
    answers = answers_of(model, labels=labels and tuple(labels))
    assert set(answers) == {"value"}
    np.testing.assert_allclose(answers["value"], model(tiny.preprocessor()(TEXTS))[:, 0], atol=1e-5)


def test_half_precision_goes_out_as_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    path = serving.export(classifier(), tmp_path / "1", tiny.preprocessor(), LABELS)
    loaded = tf.saved_model.load(path)
    assert loaded.signatures["text"](text=tf.constant(TEXTS))["probabilities"].dtype == tf.float32
    assert loaded.signatures["token_ids"](**tiny.preprocessor()(TEXTS))["logits"].dtype == tf.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": ["a", "b"]}, "each of the model's 3 classes.*Received 2"),
        ({"preprocessor": text.BertTokenizer(tiny.VOCABULARY)}, "must be a BertPreprocessor.*becomes one by"),
        ({"preprocessor": tiny.preprocessor(sequence_length=17)}, "the model takes 16 tokens.*sequence_length=16"),
        (
            {"preprocessor": text.QuestionPreprocessor(tiny.tokenizer(), 16, 2, 2)},
            "goes with a model for question_answ",
        ),
        ({"model": models.token_classifier, "pairs": True}, "entities are found in single texts"),
        ({"top_k": 0}, "`top_k` and `max_answer_length` must be 1 or more"),
        ({"buckets": (8, 17)}, "lengths from 3 to the preprocessor's sequence_length, 16"),
        ({"model": models.span_predictor, "labels": ["a"]}, "single output, but the model has end, start"),
    ],
)
def test_a_bad_call_is_refused_and_leaves_nothing_behind(arguments, message, tmp_path):
    build = arguments.get("model", models.text_classifier)
    settings = {"path": tmp_path / "out" / "1", "preprocessor": tiny.preprocessor(), **arguments}
    settings["model"] = build(models.bert_encoder(tiny.config()), *([] if build is models.span_predictor else [3]))
    with pytest.raises(ValueError, match=message):
        serving.export(**settings)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_never_touched(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "precious").touch()
    with pytest.raises(ValueError, match="does not exist yet"):
        serving.export(classifier(), tmp_path / "1", tiny.preprocessor(), LABELS)
    assert [file.name for file in (tmp_path / "1").iterdir()] == ["precious"]


@keras.saving.register_keras_serializable(package="tests")
class Drifting(keras.layers.Layer):
    """Gives another result each time it is traced, as a layer with Python state does."""

    calls = 0

    def call(self, inputs):
        Drifting.calls += 1
        return inputs + float(Drifting.calls)


def test_an_export_that_answers_differently_is_refused_and_removed(tmp_path):
    model = classifier()
    drifting = keras.Model(model.input, Drifting()(model.output))
    with pytest.raises(ValueError, match=r"does not answer like the model.*Nothing was written"):
        serving.export(drifting, tmp_path / "1", tiny.preprocessor())
    assert list(tmp_path.iterdir()) == []
