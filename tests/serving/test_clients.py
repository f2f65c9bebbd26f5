"""The clients: every row gets its answer, what may help is tried again, what cannot is told; and the load generator."""

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time

import fake_servers
import numpy as np
import pytest
import requests
import tensorflow as tf
from serve import load
from serve.client_grpc import GrpcClient
from serve.client_grpc import main as grpc_main
from serve.client_rest import RestClient
from serve.client_rest import main as rest_main
from served_models import plain_texts

QUICK = {"timeout": 0.5, "retries": 3, "backoff": 0.01}
HAS_SERVING_API = importlib.util.find_spec("tensorflow_serving") is not None
needs_serving_api = pytest.mark.skipif(
    not HAS_SERVING_API, reason="needs tensorflow-serving-api: pip install 'keras_bert_layers[serving]'"
)
PROTOCOLS = ["rest", pytest.param("grpc", marks=needs_serving_api)]
FULL_QUEUE = {"rest": 503, "grpc": "UNAVAILABLE"}
TOO_MANY = {"rest": 429, "grpc": "RESOURCE_EXHAUSTED"}
WRONG = {"rest": 400, "grpc": "INVALID_ARGUMENT"}
BROKEN = {"rest": 500, "grpc": "INTERNAL"}


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


@pytest.fixture
def fake(protocol):
    with getattr(fake_servers, f"{protocol}_server")() as server:
        yield server


@pytest.fixture
def client_of(protocol, fake):
    """`client_of(**settings)`: a client of the fake server's model."""
    return lambda **settings: CLIENTS[protocol](fake.address, **{"model": "upper", **QUICK, **settings})


CLIENTS = {"rest": RestClient, "grpc": GrpcClient}


def test_every_row_gets_its_answer_in_batches(fake, client_of):
    texts = [f"text {number}" for number in range(10)]
    answers = client_of(batch_size=4).predict(texts)
    assert [answer["label"] for answer in answers] == [text.upper() for text in texts]
    assert [answer["number_of_rows"] for answer in answers] == [4] * 8 + [2] * 2
    assert client_of().predict([]) == []


@pytest.mark.parametrize(
    "text", ["", "Straße 我喜欢 🙂", "a\0b\n\"'\\", b"\xff\xfe broken", "\u202eabc", "x" * 100_000]
)
def test_strings_arrive_as_they_are(text, fake, client_of):
    client_of().predict([text])
    assert fake.requests == [[{"text": text if isinstance(text, bytes) else text.encode()}]]


def test_rows_of_several_strings_go_by_name(fake, client_of):
    client_of().predict([{"question": "Who?", "context": b"Ann."}])
    assert fake.requests == [[{"question": b"Who?", "context": b"Ann."}]]


def test_an_output_alone_comes_without_its_name(client_of):
    assert client_of().predict(["a", "abc"], "length") == [1, 3]


def test_a_version_can_be_asked_for(client_of):
    assert client_of(version=3).predict(["a"])[0]["label"] == "A"


@pytest.mark.parametrize("fault", [FULL_QUEUE, TOO_MANY])
def test_a_full_server_is_asked_again(fault, protocol, fake, client_of):
    fake.faults = [fault[protocol]] * 2
    assert client_of().predict(["a"])[0]["label"] == "A"
    assert len(fake.requests) == 3


def test_a_server_that_stays_full_is_given_up(protocol, fake, client_of):
    fake.faults = [FULL_QUEUE[protocol]] * 10
    with pytest.raises(OSError, match=r"503|UNAVAILABLE"):
        client_of(retries=2).predict(["a"])
    assert len(fake.requests) == 3


def test_backing_off_takes_longer_each_time(protocol, fake, client_of):
    fake.faults = [FULL_QUEUE[protocol]] * 3
    begin = time.perf_counter()
    client_of(backoff=0.1, timeout=5.0).predict(["a"])
    # REST waits 0, 0.2 and 0.4 seconds, and up to 0.1 more; gRPC random times of up to 0.1, 0.2 and 0.4.
    assert 0.05 < time.perf_counter() - begin < 4


def test_a_wrong_request_is_told_and_not_made_again(protocol, fake, client_of):
    fake.faults = [WRONG[protocol]]
    with pytest.raises(ValueError, match=f"refused the request.*told to say {WRONG[protocol]}"):
        client_of().predict(["a"])
    assert len(fake.requests) == 1


def test_an_unknown_model_is_told(client_of):
    with pytest.raises(ValueError, match="Servable not found"):
        client_of(model="lower").predict(["a"])


def test_what_is_broken_in_the_server_is_not_tried_again(protocol, fake, client_of):
    fake.faults = [BROKEN[protocol]]
    with pytest.raises(OSError, match=r"500|INTERNAL"):
        client_of().predict(["a"])
    assert len(fake.requests) == 1


def test_a_server_that_hangs_is_given_up_in_time(fake, client_of):
    fake.faults = ["hang"] * 10
    begin = time.perf_counter()
    with pytest.raises(OSError, match=r"timed out|within 0\.2 seconds"):
        client_of(timeout=0.2, retries=1).predict(["a"])
    assert 0.15 < time.perf_counter() - begin < 1.4


def test_a_connection_that_breaks_is_made_again():
    with fake_servers.rest_server() as fake:
        fake.faults = ["drop"]
        assert RestClient(fake.address, "upper", **QUICK).predict(["a"])[0]["label"] == "A"
        assert len(fake.requests) == 2


def test_no_server_is_a_connection_error(protocol):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    client = CLIENTS[protocol](f"http://{address}" if protocol == "rest" else address, "upper", **QUICK)
    with pytest.raises(OSError, match=r"refused|UNAVAILABLE|within"):
        client.predict(["a"])


def test_versions_and_their_states():
    with fake_servers.rest_server() as fake:
        assert RestClient(fake.address, "upper", **QUICK).versions() == {3: "AVAILABLE"}


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [({"batch_size": 0}, ["a"], "`batch_size` must be 1 or more"), ({}, ["a", {"b": "c"}], "Row 1 has b")],
)
def test_wrong_calls_send_nothing(settings, rows, message, fake, client_of):
    with pytest.raises(ValueError, match=message):
        client_of(**settings).predict(rows)
    assert fake.requests == []


@needs_serving_api
def test_more_tries_than_grpc_makes_are_refused():
    with pytest.raises(ValueError, match="from 0 to 4"):
        GrpcClient("localhost:1", "upper", retries=5)


@pytest.mark.skipif(HAS_SERVING_API, reason="tensorflow-serving-api is installed")
def test_without_its_package_the_grpc_client_names_the_extra():
    with pytest.raises(ImportError, match=r"keras_bert_layers\[serving\]"):
        GrpcClient("localhost:1", "upper")


def test_the_scripts_print_a_line_of_json_for_each_text(protocol, fake, capsys):
    main, name = {"rest": (rest_main, "--url"), "grpc": (grpc_main, "--address")}[protocol]
    assert main([name, fake.address, "--model", "upper", "ä", "b"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["label"] for line in printed] == ["Ä", "B"]
    assert main([name, fake.address, "--model", "lower", "a"]) == 2
    assert "Servable not found" in capsys.readouterr().err


def test_load_counts_texts_waits_and_failures():
    def ask(texts):
        time.sleep(0.01)
        if texts == ["bad"]:
            raise ValueError("no")

    result = load.measure(ask, [["a", "b"], ["bad"]], concurrency=4, seconds=0.5)
    assert result.errors.keys() == {"ValueError: no"}
    assert result.texts == 2 * len(result.latencies)
    assert abs(len(result.latencies) - result.errors.total()) <= 4
    assert 10 <= result.percentile(50) <= result.percentile(90) <= result.percentile(99)
    assert 0.5 <= result.seconds < 2


def test_load_does_not_count_what_warms_up():
    asked = []
    result = load.measure(lambda texts: (asked.append(texts), time.sleep(0.01)), [["a"]], 1, seconds=0.2, warm_up=0.3)
    assert 0 < len(result.latencies) < 0.6 * len(asked)


OPTIONS = ["--seconds", "0.3", "--warm-up", "0", "--concurrency", "1", "3", "--batch-size", "2"]


def test_load_on_a_server(protocol, fake, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("one\ntwo\nthree\n")
    target = [f"--{protocol}", fake.address, "--model", "upper", "--file", str(tmp_path / "texts.txt")]
    assert load.main([*target, *OPTIONS]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "callers"
    assert [row.split()[0] for row in rows] == ["1", "3"]
    assert {len(request) for request in fake.requests} == {1, 2}
    fake.faults = [None] + [BROKEN[protocol]] * 100_000
    assert load.main([*target, *OPTIONS]) == 1
    assert "times" in capsys.readouterr().err


def test_load_on_a_saved_model(served, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("a good film\na bad film\n")
    target = ["--saved-model", str(served("single_label").path), "--file", str(tmp_path / "texts.txt")]
    assert load.main([*target, *OPTIONS]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    with pytest.raises(SystemExit):
        load.main([*target, *OPTIONS, "--signature", "none"])
    assert "has no signature `none`" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_server(served, tmp_path_factory):
    """The address for REST, that for gRPC or None, and the model's name on a server that is no fake."""
    if url := os.environ.get("TF_SERVING_URL"):
        yield url, os.environ.get("TF_SERVING_GRPC"), os.environ.get("TF_SERVING_MODEL", "model"), None
        return
    program = shutil.which("tensorflow_model_server")
    if program is None:
        pytest.skip(
            "needs a model server: TF_SERVING_URL (with TF_SERVING_MODEL, and TF_SERVING_GRPC for that protocol), or "
            "tensorflow_model_server on the PATH"
        )
    with contextlib.ExitStack() as sockets:
        ports = []
        for _ in range(2):
            free = sockets.enter_context(socket.socket())
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    model = served("single_label")
    batching = ["--enable_batching=true", "--enable_per_model_batching_parameters=true"]
    places = ["--model_name=model", f"--model_base_path={model.path.parent}"]
    command = [program, f"--rest_api_port={ports[0]}", f"--port={ports[1]}", *places, *batching]
    with (tmp_path_factory.mktemp("server") / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *batching, f"--model_base_path={model.path.parent}"], stdout=log, stderr=log
        )
        try:
            yield f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", "model", model
        finally:
            process.terminate()
            process.wait(30)


def wait_for(url, name):
    client = RestClient(url, name, timeout=5, retries=0)
    for _ in range(120):
        with contextlib.suppress(requests.RequestException, ValueError):
            if "AVAILABLE" in client.versions().values():
                return
        time.sleep(0.5)
    raise TimeoutError(f"{url} has no version of {name} available after a minute.")


def test_a_real_server_answers_like_the_saved_model(protocol, real_server):
    url, address, name, model = real_server
    wait_for(url, name)
    if protocol == "grpc" and address is None:
        pytest.skip("needs TF_SERVING_GRPC, the server's address for gRPC")
    client = CLIENTS[protocol](url if protocol == "rest" else address, name, timeout=30)
    texts = plain_texts(60)
    answers = client.predict(texts)
    alone = [client.predict([text])[0] for text in texts[:8]]
    for answer, other in zip(answers, alone, strict=False):
        np.testing.assert_allclose(answer["probabilities"], other["probabilities"], atol=1e-5)
    if model is not None:
        expected = tf.saved_model.load(model.path).signatures["text"](text=tf.constant(texts))
        np.testing.assert_allclose(
            [answer["probabilities"] for answer in answers], expected["probabilities"], atol=1e-5
        )
        assert [answer["label"].encode() for answer in answers] == list(expected["label"].numpy())
    with pytest.raises(ValueError, match="refused"):
        client.predict(["a"], "no such signature")
