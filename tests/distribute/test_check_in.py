"""The check-in between real processes: all come and agree, or all end with one message that names the worker."""

import contextlib
import socket

import pytest
from check_in_process import check_in, start
from launch_local import free_ports

from keras_bert_layers.distribute.line_socket import split_address


@pytest.fixture
def addresses():
    return [f"localhost:{port}" for port in free_ports(3)]


def requests(addresses, **different):
    """One for each worker; `different`: by name of a fact, its value on worker 2."""
    facts = {"keras": "3.15.1", "the global batch size": 32}
    every = [{"index": index, "addresses": addresses, "facts": facts} for index in range(3)]
    every[2]["facts"] = {**facts, **different}
    return every


def test_the_chief_is_connected_with_all_and_the_others_with_it(addresses):
    assert check_in(requests(addresses)) == [[1, 2], [0], [0]]


def test_the_chief_may_come_last(addresses):
    every = requests(addresses)
    every[0]["late"] = 1.5
    assert check_in(every) == [[1, 2], [0], [0]]


@pytest.mark.parametrize(
    ("different", "message"),
    [
        ({"keras": "3.14.0"}, "worker 2 ({2}) has keras 3.14.0, worker 0 ({0}) has 3.15.1."),
        ({"the global batch size": 64}, "worker 2 ({2}) has the global batch size 64, worker 0 ({0}) has 32."),
        ({"the setting seed": 1}, "worker 2 ({2}) has the setting seed 1, worker 0 ({0}) has none."),
    ],
)
def test_what_differs_is_told_to_all_with_the_worker_and_both_values(addresses, different, message):
    assert check_in(requests(addresses, **different)) == [message.format(*addresses)] * 3


def test_who_does_not_come_is_named_to_all_others(addresses):
    every = [{**request, "timeout": 2} for request in requests(addresses)]
    said = check_in([every[0], every[2]])
    assert said[0] == said[1]
    assert said[0].startswith(f"worker 1 ({addresses[1]}) did not come within 2 s; 2 of 3 workers are here.")


def test_a_missing_chief_is_named(addresses):
    every = [{**request, "timeout": 2} for request in requests(addresses)]
    said = check_in(every[1:])
    for index in (1, 2):
        start = (
            f"worker 0 ({addresses[0]}) did not answer worker {index} ({addresses[index]}) within 2 s. It could not be"
        )
        assert said[index - 1].startswith(start)


@pytest.mark.parametrize("index", [0, 1])
def test_two_processes_with_one_index_are_told_so(addresses, index):
    every = [{**request, "timeout": 6} for request in requests(addresses)]
    every[2]["index"] = index
    said = check_in(every)
    assert len(set(said)) == 1
    assert said[0].startswith(f"Two processes say that they are worker {index} ({addresses[index]}): one on")


def test_an_index_out_of_the_chiefs_cluster_is_refused(addresses):
    every = [{**request, "timeout": 3} for request in requests(addresses)]
    every[0]["addresses"] = addresses[:2]
    said = check_in([every[0], every[2]])
    assert len(set(said)) == 1
    assert "says that it is worker 2" in said[0]


def test_a_port_that_another_program_has_is_told_to_all(addresses):
    with socket.create_server(("", int(addresses[2].split(":")[1]))):
        said = check_in([{**request, "timeout": 3} for request in requests(addresses)])
    assert len(set(said)) == 1
    assert said[0].startswith(f"worker 2 ({addresses[2]}): cannot listen on port")


def test_a_chief_whose_port_another_program_has_says_so(addresses):
    with socket.create_server(("", int(addresses[0].split(":")[1]))):
        said = check_in([{**requests(addresses)[0], "timeout": 3}])
    assert said[0].startswith(f"worker 0 ({addresses[0]}): cannot listen on port")


def test_a_stranger_that_calls_the_chief_changes_nothing(addresses):
    every = requests(addresses)
    processes = [start(request) for request in every[:2]]
    called = False
    while not called:
        with contextlib.suppress(OSError), socket.create_connection(split_address(addresses[0]), timeout=1) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            called = True
    processes.append(start(every[2]))
    assert [process.communicate(timeout=30)[0].strip() for process in processes] == ["[1, 2]", "[0]", "[0]"]
