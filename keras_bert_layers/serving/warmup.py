"""Requests that a server runs before it answers its first one, in TensorFlow Serving's own file format."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from keras_bert_layers.serving.endpoints import TextTask
from keras_bert_layers.serving.probes import serialized_example

FILE = "tf_serving_warmup_requests"
# What is used of tensorflow_serving/apis/prediction_log.proto and what it imports: message -> (number, field, type).
# A message within a message is bytes on the wire, so that tensors are filled in as they come serialized.
_MESSAGES = {
    "ModelSpec": [(3, "signature_name", "string")],
    "InputsEntry": [(1, "key", "string"), (2, "value", "bytes")],
    "PredictRequest": [(1, "model_spec", "ModelSpec"), (2, "inputs", "InputsEntry")],
    "PredictLog": [(1, "request", "PredictRequest")],
    "PredictionLog": [(6, "predict_log", "PredictLog")],
}


def warmup_requests(
    task: TextTask | None,
    model: keras.Model,
    preprocessor,
    lengths: Sequence[int],
    batch_sizes: Sequence[int],
) -> list[tuple[str, dict[str, tf.Tensor]]]:
    """Pairs of an endpoint's name and its inputs: strings of every length in batches of every size, and each endpoint.

    Where no strings are answered, ids of every length in batches of every size.

    Args:
        task: how strings are answered, or None.
        model: whose inputs `token_ids` takes.
        preprocessor: whose vocabulary the strings are of.
        lengths: in tokens.
        batch_sizes: rows.
    """
    shortest, smallest = min(lengths), min(batch_sizes)
    describe = ("describe", {"rows": tf.constant([""] * smallest)})
    if task is None:
        return [*(("token_ids", _ids(model, size, length)) for length in lengths for size in batch_sizes), describe]
    requests = [("token_ids", _ids(model, smallest, shortest)), describe]
    strings = {length: _strings(task, model, preprocessor, length) for length in lengths}
    for length in lengths:
        for size in batch_sizes:
            rows = {name: tf.constant([string] * size) for name, string in strings[length].items()}
            requests.append(("text", rows))
    example = serialized_example({name: string.encode() for name, string in strings[shortest].items()})
    return [*requests, ("examples", {"examples": tf.constant([example] * smallest)})]


def write_warmup(path: Path, requests: Sequence[tuple[str, dict[str, tf.Tensor]]]) -> None:
    """Writes requests as a TFRecord of `PredictionLog`s: a server reads them from the SavedModel's `assets.extra`."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in requests:
            writer.write(prediction_log(name, inputs))


def prediction_log(signature_name: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
    """A serialized `tensorflow.serving.PredictionLog` of one request to predict."""
    log = _message_class("PredictionLog")()
    request = log.predict_log.request
    request.model_spec.signature_name = signature_name
    for name, value in inputs.items():
        request.inputs.add(key=name, value=tf.make_tensor_proto(value.numpy()).SerializeToString())
    return log.SerializeToString()


def _message_class(name):
    """A class of `_MESSAGES`, in a pool of its own: nothing is in the way of the package tensorflow-serving-api."""
    file = descriptor_pb2.FileDescriptorProto(name="warmup.proto", package="warmup", syntax="proto3")
    types = {
        "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
        "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    }
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, field, kind in fields:
            added = described.field.add(name=field, number=number)
            # A map is a list of entries.
            added.label = added.LABEL_REPEATED if kind == "InputsEntry" else added.LABEL_OPTIONAL
            added.type = types.get(kind, added.TYPE_MESSAGE)
            if kind not in types:
                added.type_name = f".warmup.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"warmup.{name}"))


def _ids(model, rows, length):
    ids = {name: tf.zeros((rows, 1 if name == "mask_positions" else length), tf.int32) for name in model.input}
    ids["padding_mask"] = tf.ones_like(ids["token_ids"])
    return {name: ids[name] for name in model.input}


def _strings(task, model, preprocessor, length):
    """For each input a text of about so many tokens, with a mask where one has to be."""
    tokenizer = preprocessor.tokenizer
    word = next((token for token in tokenizer.vocabulary if token.isascii() and token.isalnum()), "a")
    words = [word] * max(1, length - 3 - len(task.inputs))
    if "mask_positions" in model.input:
        words[0] = tokenizer.id_to_token(tokenizer.mask_id)
    # Of two texts, one has the length and the other a word.
    return {name: " ".join(words if name in ("text", "context") else [word]) for name in task.inputs}
