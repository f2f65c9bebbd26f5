"""Exports that XLA compiles for a few lengths: the answers of a plain one, at every length and number of rows."""

import dataclasses

import numpy as np
import pytest
import served_models
import tensorflow as tf
import tiny
from c_loader import Call, call
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import saved_model_pb2

from keras_bert_layers import models, serving
from keras_bert_layers.serving import warmup

LENGTHS, SIZES = (8, 16), (1, 4)
TEXTS = [b"a", b"good film " * 3, b"good film " * 7, b"not a very bad film .", b"", b"good film " * 20]


@pytest.fixture(scope="module")
def compiled(served, tmp_path_factory):
    """`compiled(task)`: the model of `served(task)`, exported for the lengths."""
    folder = tmp_path_factory.mktemp("compiled")
    made = {}

    def export(task):
        if task not in made:
            plain = served(task)
            path = serving.export(
                plain.model, folder / task, plain.preprocessor, batch_sizes=SIZES, compiled_lengths=LENGTHS
            )
            made[task] = dataclasses.replace(plain, path=path)
        return made[task]

    return export


def assert_same(answers, expected):
    assert set(answers) == set(expected)
    for name, value in expected.items():
        value, answer = np.asarray(value), np.asarray(answers[name])
        assert answer.shape == value.shape, name
        if value.dtype.kind == "f":
            np.testing.assert_allclose(answer, value, atol=1e-5, rtol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(answer, value, err_msg=name)


def of(path, name, inputs):
    return tf.saved_model.load(path).signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})


@pytest.mark.parametrize("task", ["single_label", "masked_words", pytest.param("entities", marks=pytest.mark.long)])
def test_texts_get_the_answers_of_a_plain_export(task, served, compiled):
    plain, made = served(task), compiled(task)
    signatures = [tf.saved_model.load(export.path).signatures["text"] for export in (made, plain)]
    for texts in ([TEXTS[0]], TEXTS[:3], TEXTS, TEXTS[-1:], TEXTS[1:2] * 9):
        inputs = {name: tf.constant(value) for name, value in plain.feed(texts).items()}
        answers, expected = (signature(**inputs) for signature in signatures)
        assert_same(answers, expected)


@pytest.mark.parametrize("task", ["single_label", "masked_words"])
def test_ids_of_lengths_at_the_bounds_give_what_the_model_gives(task, compiled):
    made = compiled(task)
    signature = tf.saved_model.load(made.path).signatures["token_ids"]
    rng = np.random.default_rng(0)
    for length in (1, 7, 8, 9, 15, 16, 17, 32):
        for rows in (1, 3, 5):
            ids = {
                "token_ids": rng.integers(5, 15, (rows, length)),
                "segment_ids": np.zeros((rows, length)),
                "padding_mask": np.arange(length) < rng.integers(0, length + 1, (rows, 1)),
                "mask_positions": rng.integers(-1, length, (rows, 2 * rows)),
            }
            features = {name: tf.constant(ids[name].astype("int32")) for name in made.model.input}
            assert_same(signature(**features), {"logits": made.model(features, training=False)})


def test_an_empty_batch_gives_an_empty_answer(compiled):
    answers = of(compiled("single_label").path, "text", {"text": np.array([], object)})
    assert answers["probabilities"].shape == (0, len(served_models.LABELS))


def test_one_program_of_xla_stands_in_the_graph_for_each_length(compiled, served):
    def programs(path):
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        functions = saved.meta_graphs[0].graph_def.library.function
        return sum("_XlaMustCompile" in f.attr and f.attr["_XlaMustCompile"].b for f in functions)

    assert programs(compiled("single_label").path) == len(LENGTHS)
    assert programs(served("single_label").path) == 0


def test_a_loader_without_python_gives_the_same_answers(compiled, served, c_caller):
    made, plain = compiled("single_label"), served("single_label")
    batches = [TEXTS[:1], TEXTS[:3], TEXTS, TEXTS[-1:]]
    answers = call(c_caller, made.path, [Call("text", made.feed(batch)) for batch in batches])
    for answer, batch in zip(answers, batches, strict=True):
        assert (answer.code, answer.message) == (0, "")
        assert_same(answer.outputs, of(plain.path, "text", plain.feed(batch)))


def test_a_server_is_warmed_up_in_every_length_and_batch_size(compiled):
    made = compiled("single_label")
    rows_and_lengths = set()
    for record in tf.data.TFRecordDataset(str(made.path / "assets.extra" / warmup.FILE)):
        request = warmup._message_class("PredictionLog").FromString(record.numpy()).predict_log.request
        if request.model_spec.signature_name == "text":
            (texts,) = (tf.make_ndarray(tensor_pb2.TensorProto.FromString(entry.value)) for entry in request.inputs)
            length = made.preprocessor(tf.constant(texts))["token_ids"].shape[1]
            rows_and_lengths.add((len(texts), next(bound for bound in (*LENGTHS, 32) if bound >= length)))
    assert rows_and_lengths == {(size, length) for size in SIZES for length in (*LENGTHS, 32)}


def test_without_strings_ids_warm_a_server_up(served):
    export = served("pretraining")
    requests = warmup.warmup_requests(None, export.model, export.preprocessor, LENGTHS, SIZES)
    shapes = [tuple(inputs["token_ids"].shape) for name, inputs in requests if name == "token_ids"]
    assert sorted(shapes) == [(size, length) for size in SIZES for length in LENGTHS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compiled_lengths": (64,)}, "`compiled_lengths` must be lengths from 3 to the preprocessor's .* 16"),
        ({"compiled_lengths": (8.0,)}, "`compiled_lengths` must be lengths"),
        ({"compiled_lengths": (8,), "weights": "int8"}, "`compiled_lengths` out"),
    ],
)
def test_what_cannot_be_compiled_is_refused(arguments, message, tmp_path):
    model = models.text_embedder(models.bert_encoder(tiny.config()))
    with pytest.raises(ValueError, match=message):
        serving.export(model, tmp_path / "model", tiny.preprocessor(), **arguments)
