"""Model servers that speak the two protocols, answer in upper case, and fail when they are told to."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fake:
    """A server under test.

    Args:
        address: where it listens.
        faults: what happens to the next requests, one each: a status to refuse it with, "hang" or "drop".
        requests: the rows of every request that came, answered or not.
    """

    address: str = ""
    faults: list = field(default_factory=list)
    requests: list[list[dict[str, bytes]]] = field(default_factory=list)

    def answer(self, rows: list[dict[str, bytes]], signature: str) -> dict[str, list]:
        """The columns of the answer: for `length`, one alone, as an endpoint with a single output gives."""
        first = [next(iter(row.values())) for row in rows]
        if signature == "length":
            return {"length": [len(text) for text in first]}
        return {
            "label": [text.decode(errors="replace").upper() for text in first],
            "number_of_rows": [len(rows)] * len(rows),
        }


@contextlib.contextmanager
def rest_server() -> Iterator[Fake]:
    """The REST API, as https://www.tensorflow.org/tfx/serving/api_rest describes it."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            status = {"error_code": "OK", "error_message": ""}
            self.send(200, {"model_version_status": [{"version": "3", "state": "AVAILABLE", "status": status}]})

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows = [{name: _decoded(value) for name, value in row.items()} for row in request["instances"]]
            fake.requests.append(rows)
            fault = fake.faults.pop(0) if fake.faults else None
            if self.path.removesuffix(":predict") not in ("/v1/models/upper", "/v1/models/upper/versions/3"):
                self.send(404, {"error": f"Servable not found for request: {self.path}"})
            elif fault == "hang":
                time.sleep(1.5)
                self.close_connection = True
            elif fault == "drop":
                self.close_connection = True
            elif fault is not None:
                self.send(fault, {"error": f"told to say {fault}"})
            else:
                columns = fake.answer(rows, request["signature_name"])
                predictions = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
                self.send(200, {"predictions": columns.get("length", predictions)})

        def send(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def _decoded(value):
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode()


@contextlib.contextmanager
def grpc_server() -> Iterator[Fake]:
    """The Predict call of PredictionService."""
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    fake = Fake()

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            columns = {name: tf.make_ndarray(value).tolist() for name, value in request.inputs.items()}
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            fake.requests.append(rows)
            fault = fake.faults.pop(0) if fake.faults else None
            if request.model_spec.name != "upper":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(lower)")
            if fault == "hang":
                time.sleep(1.5)
            elif fault is not None:
                context.abort(grpc.StatusCode[fault], f"told to say {fault}")
            response = predict_pb2.PredictResponse()
            for name, column in fake.answer(rows, request.model_spec.signature_name).items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(column))
            return response

    server = grpc.server(ThreadPoolExecutor(8))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        server.stop(grace=0)
