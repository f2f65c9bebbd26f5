"""A thread in every process of a cluster that knows when another one has ended."""

import os
import selectors
import sys
import threading
import time
from collections.abc import Callable

from keras_bert_layers.distribute.line_socket import LineSocket
from keras_bert_layers.distribute.worker import Worker

_PING = 5.0


class Watch:
    """Holds the connections of the check-in open: one that closes tells of a process that died, at once.

    The chief is connected with all and tells the others whom it lost. A machine that falls silent, without a word from
    its kernel, is lost after `silence` seconds.

    Args:
        worker: this process.
        connections: index -> connection, of the check-in.
        on_loss: called in the thread with the message, once.
        silence: float, in seconds.
        grace: float. Seconds from a loss until the process is ended from here if it is still within `watching`, where
            something that cannot be interrupted holds it.
    """

    def __init__(
        self,
        worker: Worker,
        connections: dict[int, LineSocket],
        on_loss: Callable[[str], None],
        silence: float,
        grace: float = 30,
    ):
        self.worker, self.connections, self.on_loss = worker, dict(connections), on_loss
        self.silence, self.grace = silence, grace
        self.loss = threading.Event()
        self.message = ""
        self.watched = False
        self._done: set[int] = set()  # who said that it has no more to do with the others
        self._heard = dict.fromkeys(connections, time.monotonic())
        self._sending = threading.Lock()
        for connection in connections.values():
            connection.socket.settimeout(5)
        self._thread = threading.Thread(target=self._run, name="keras_bert_layers.distribute.watch", daemon=True)
        self._thread.start()

    def tell(self, **message) -> None:
        """Sends a message to all that this process is connected with."""
        with self._sending:
            for connection in list(self.connections.values()):
                connection.send(message)

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        for index, connection in self.connections.items():
            selector.register(connection, selectors.EVENT_READ, index)
        pinged, pause = 0.0, min(_PING, self.silence / 3)
        while self.connections and not self.loss.is_set():
            for key, _ in selector.select(min(1.0, pause)):
                self._hear(key.data, key.fileobj, selector)
            now = time.monotonic()
            if now - pinged > pause:
                self.tell()
                pinged = now
            for index, heard in self._heard.items():
                if index in self.connections and index not in self._done and now - heard > self.silence:
                    self._lose(f"{self.worker.name_of(index)} has not been heard of for {self.silence:g} s")
        if self.loss.is_set():
            self._see_to_the_end()

    def _hear(self, index: int, connection: LineSocket, selector: selectors.BaseSelector) -> None:
        try:
            messages, gone = connection.receive()
        except (ValueError, OSError):
            messages, gone = [], True
        self._heard[index] = time.monotonic()
        for message in messages:
            if "done" in message:
                (self._done.add if message["done"] else self._done.discard)(index)
            if "failed" in message:
                self._lose(f"{self.worker.name_of(index)} failed: {message['failed']}")
            if "lost" in message:
                self._lose(message["lost"])
        if gone:
            selector.unregister(connection)
            connection.close()
            del self.connections[index]
            if index not in self._done:
                self._lose(f"{self.worker.name_of(index)} ended (its connection was closed)")

    def _lose(self, what: str) -> None:
        if self.loss.is_set():
            return
        self.message = what
        self.tell(lost=what)
        self.loss.set()
        self.on_loss(what)

    def _see_to_the_end(self) -> None:
        deadline = time.monotonic() + self.grace
        while self.watched and time.monotonic() < deadline:
            time.sleep(0.2)
        if self.watched:
            print(f"{self.worker} ends: {self.message}", file=sys.stderr, flush=True)
            os._exit(1)
