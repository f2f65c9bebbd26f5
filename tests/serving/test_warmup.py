"""What a server runs before its first answer is what it can answer, and is in its own format."""

import pytest
import served_models
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from keras_bert_layers.serving import batching, warmup


def test_a_request_is_written_byte_by_byte_as_the_format_says():
    tensor = b"\x08\x03\x12\x04\x12\x02\x08\x02" + b'"\x08' + b"\x05\x00\x00\x00\x06\x00\x00\x00"  # int32 [2]
    entry = b"\x0a\x01i" + b"\x12" + bytes([len(tensor)]) + tensor
    inputs = b"\x12" + bytes([len(entry)]) + entry
    request = b"\x0a\x06\x1a\x04text" + inputs
    predict_log = b"\x0a" + bytes([len(request)]) + request
    expected = b"\x32" + bytes([len(predict_log)]) + predict_log
    assert warmup.prediction_log("text", {"i": tf.constant([5, 6])}) == expected


def test_the_protocol_of_the_server_reads_it():
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    log = logs.PredictionLog.FromString(
        warmup.prediction_log("text", {"text": tf.constant(["a", "é"]), "ids": tf.constant([[1, 2]])})
    )
    request = log.predict_log.request
    assert request.model_spec.signature_name == "text"
    assert tf.make_ndarray(request.inputs["text"]).tolist() == [b"a", "é".encode()]
    assert tf.make_ndarray(request.inputs["ids"]).tolist() == [[1, 2]]


@pytest.mark.parametrize("task", ["pairs", "questions", "masked_words"])
def test_every_request_of_an_export_is_answered(task, served):
    export = served(task)
    signatures = tf.saved_model.load(export.path).signatures
    path = export.path / "assets.extra" / warmup.FILE
    asked = set()
    for record in tf.data.TFRecordDataset(str(path), buffer_size=1 << 16):
        log = warmup._message_class("PredictionLog").FromString(record.numpy())
        request = log.predict_log.request
        inputs = {
            entry.key: tf.constant(tf.make_ndarray(tensor_pb2.TensorProto.FromString(entry.value)))
            for entry in request.inputs
        }
        name = request.model_spec.signature_name
        answers = signatures[name](**inputs)
        assert {value.shape[0] for value in answers.values()} == {next(iter(inputs.values())).shape[0]}
        asked.add(name)
    assert asked == {"text", "token_ids", "examples", "describe"}


def test_strings_have_about_the_length_that_is_asked_for(served):
    export = served("single_label")
    task = served_models.TASKS["single_label"]
    requests = warmup.warmup_requests(_text_task(export), task(), export.preprocessor, (8, 32), (1, 4))
    shapes = {
        export.preprocessor(inputs["text"])["token_ids"].shape.as_list()[1]: len(inputs["text"])
        for name, inputs in requests
        if name == "text"
    }
    assert sorted(shapes) == [6, 30]


def _text_task(export):
    from keras_bert_layers.serving.endpoints import text_task
    from keras_bert_layers.serving.forward import plain_forward
    from keras_bert_layers.serving.settings import Settings

    return text_task(plain_forward(export.model), export.model, export.preprocessor, Settings())


def test_batches_are_filled_up_to_the_sizes_and_the_last_is_the_largest(tmp_path):
    batching.write_batching(tmp_path / batching.FILE, batching.check_batch_sizes([8, 1, 32, 8]))
    lines = (tmp_path / batching.FILE).read_text().splitlines()
    assert lines[0] == "max_batch_size { value: 32 }"
    assert [line for line in lines if line.startswith("allowed")] == [f"allowed_batch_sizes: {n}" for n in (1, 8, 32)]


@pytest.mark.parametrize("sizes", [(), (0, 8), (1.5,)])
def test_sizes_that_are_no_numbers_of_rows_are_refused(sizes):
    with pytest.raises(ValueError, match="`batch_sizes` must be positive numbers of rows"):
        batching.check_batch_sizes(sizes)
