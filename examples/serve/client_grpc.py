"""Asks a model server over gRPC: in batches, with time-outs, and once more where that may help.

    python examples/serve/client_grpc.py --model sentiment "The film is good." "Boring."
    python examples/serve/client_grpc.py --model qa --json '{"question": "Who?", "context": "Ann sings."}'

It prints one line of JSON for each text, in their order, after the three seconds that TensorFlow needs to load, and
needs `pip install 'keras_bert_layers[serving]'`. `GrpcClient` is for use in other programs. The status is 0, or 2 with
a message when the server refuses the texts or does not answer.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    import tensorflow as tf
    from serve.command_line import ask
    from serve.rows import Row, in_batches, named, one_for_each

SERVICE = "tensorflow.serving.PredictionService"
# What a server whose queue is full or whose model is being loaded says.
WORTH_ANOTHER_TRY = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
MOST_TRIES = 5  # gRPC makes no more, whatever one asks for


class GrpcClient:
    """A model of a TensorFlow Serving at `address`.

    gRPC itself repeats a try that finds no server or gets one of `WORTH_ANOTHER_TRY`, after random times of up to
    backoff, 2 backoff, 4 backoff, ... seconds, as long as the time-out allows.

    Args:
        address: such as "localhost:8500".
        model: its name there.
        version: int. Defaults to `None`, the latest.
        timeout: float > 0. Seconds for a request, all its tries together. Defaults to 5.
        retries: int from 0 to 4, which is the default.
        backoff: float. Defaults to 0.1 seconds.
        batch_size: int > 0. Rows in a request. Defaults to 64.

    Raises:
        ImportError: if the package of the server's messages is not installed.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        timeout: float = 5.0,
        retries: int = MOST_TRIES - 1,
        backoff: float = 0.1,
        batch_size: int = 64,
    ):
        try:
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc
        except ImportError as error:
            message = "The client for gRPC needs tensorflow-serving-api: pip install 'keras_bert_layers[serving]'."
            raise ImportError(message) from error
        if not 0 <= retries < MOST_TRIES:
            raise ValueError(f"`retries` must be from 0 to {MOST_TRIES - 1}; gRPC makes no more. Received: {retries}.")
        self.model, self.version, self.timeout, self.batch_size = model, version, timeout, batch_size
        method = {"name": [{"service": SERVICE}]}
        if retries:
            method["retryPolicy"] = {
                "maxAttempts": retries + 1,
                "initialBackoff": f"{backoff}s",
                "maxBackoff": f"{backoff * 2**retries}s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": WORTH_ANOTHER_TRY,
            }
        options = {
            "grpc.service_config": json.dumps({"methodConfig": [method]}),
            # By default gRPC takes no answer of more than 4 MiB; -1 is any size.
            "grpc.max_receive_message_length": -1,
            "grpc.max_send_message_length": -1,
        }
        self.channel = grpc.insecure_channel(address, options=list(options.items()))
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def predict(self, rows: Sequence[Row], signature: str = "text") -> list:
        """One answer for each row, in their order: the outputs by name, or where there is but one, that alone.

        Args:
            rows: texts; or dicts of strings by the names of the inputs. Bytes need not be UTF-8.
            signature: the endpoint.

        Raises:
            ValueError: if the server refuses a request, with its message.
            TimeoutError: if no answer came in time.
            ConnectionError: if there is no server or it cannot answer.
        """
        answers = []
        for batch in in_batches(named(rows), self.batch_size):
            answers += one_for_each(_rows(self._call(self._request(batch, signature)).outputs), batch)
        return answers

    def _request(self, rows, signature):
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self.model, signature
        if self.version is not None:
            request.model_spec.version.value = self.version
        for name in rows[0]:
            strings = [row[name].encode() if isinstance(row[name], str) else row[name] for row in rows]
            request.inputs[name].CopyFrom(tf.make_tensor_proto(strings, tf.string, [len(rows)]))
        return request

    def _call(self, request):
        import grpc

        try:
            return self.stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code.name in ("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"):
                raise ValueError(f"The server refused the request ({code.name}): {details}") from error
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(f"No answer came within {self.timeout} seconds.") from error
            raise ConnectionError(f"The server could not answer ({code.name}): {details}") from error


def _rows(outputs):
    """The columns of an answer as rows, in the types of JSON."""
    columns = {name: _as_json(tf.make_ndarray(tensor)) for name, tensor in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _as_json(array):
    if array.dtype == object:
        array = np.vectorize(lambda value: value.decode(errors="replace"), otypes=[object])(array)
    return array.tolist()


def main(arguments: list[str] | None = None) -> int:
    return ask(GrpcClient, __doc__, ("address", "localhost:8500"), "a request", arguments)


if __name__ == "__main__":
    sys.exit(main())
