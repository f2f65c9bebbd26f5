"""The watch over connections: who is gone, who said so before, and what the others are told."""

import contextlib
import queue
import socket
import time

import pytest

from keras_bert_layers.distribute.line_socket import LineSocket
from keras_bert_layers.distribute.watch import Watch
from keras_bert_layers.distribute.worker import Worker

ADDRESSES = ("a:1", "b:2", "c:3")


class Cluster:
    """Three watches in one process; `lost[index]` receives what each calls lost."""

    def __init__(self, silence=60.0):
        pairs = {index: socket.socketpair() for index in (1, 2)}
        self.lost = [queue.Queue() for _ in ADDRESSES]
        ends = [{index: LineSocket(pair[0]) for index, pair in pairs.items()}]
        ends += [{0: LineSocket(pairs[index][1])} for index in (1, 2)]
        self.watches = [
            Watch(Worker(index, ADDRESSES), connections, self.lost[index].put, silence)
            for index, connections in enumerate(ends)
        ]

    def cut(self, index):
        """What the kernel does with the connections of a process that was killed."""
        self.watches[index].loss.set()  # nor does its watch see or say anything any more
        for connection in list(self.watches[index].connections.values()):
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def sockets_like_those_of_a_network(monkeypatch):
    monkeypatch.setattr(
        LineSocket, "__init__", lambda self, connected: vars(self).update(socket=connected, _received=b"")
    )


def test_one_that_is_killed_is_lost_to_all_others():
    cluster = Cluster()
    cluster.cut(1)
    expected = "worker 1 (b:2) ended (its connection was closed)"
    assert [cluster.lost[index].get(timeout=5) for index in (0, 2)] == [expected] * 2


def test_a_killed_chief_is_lost_to_all_others():
    cluster = Cluster()
    cluster.cut(0)
    expected = "worker 0 (a:1) ended (its connection was closed)"
    assert [cluster.lost[index].get(timeout=5) for index in (1, 2)] == [expected] * 2


def test_one_that_fails_is_lost_to_all_others_with_its_error():
    cluster = Cluster()
    cluster.watches[2].tell(failed="OSError: no space left on device")
    expected = "worker 2 (c:3) failed: OSError: no space left on device"
    assert [cluster.lost[index].get(timeout=5) for index in (0, 1)] == [expected] * 2


@pytest.mark.parametrize("index", [0, 1])
def test_one_that_is_done_may_end(index):
    cluster = Cluster()
    cluster.watches[index].tell(done=True)
    time.sleep(0.2)
    cluster.cut(index)
    for other in {0, 1, 2} - {index}:
        with pytest.raises(queue.Empty):
            cluster.lost[other].get(timeout=0.3)


def test_one_that_trains_again_may_not_end():
    cluster = Cluster()
    cluster.watches[1].tell(done=True)
    cluster.watches[1].tell(done=False)
    cluster.cut(1)
    assert "worker 1" in cluster.lost[0].get(timeout=5)


def test_one_that_is_silent_is_lost_after_the_time_that_was_set(monkeypatch):
    cluster = Cluster(silence=1.0)
    time.sleep(1.5)  # all are well: each hears the others
    assert all(lost.empty() for lost in cluster.lost)
    monkeypatch.setattr(cluster.watches[2], "tell", lambda **message: None)
    assert cluster.lost[0].get(timeout=3) == "worker 2 (c:3) has not been heard of for 1 s"
    assert cluster.lost[1].get(timeout=3) == "worker 2 (c:3) has not been heard of for 1 s"
