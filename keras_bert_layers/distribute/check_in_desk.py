"""The chief's side of the check-in: it waits for every worker, compares what they say, and answers all alike."""

import json
import selectors
import socket
import time

from keras_bert_layers.distribute.line_socket import LineSocket
from keras_bert_layers.distribute.worker import Worker

_MOST_LINES = 12
_LINGER = 10


class CheckInDesk:
    """Listens in the place of the chief until all have come, or it is clear that they will not train together.

    A process says hello with its `index`, a `token` that no other process has, `host` and `process`, where it runs, its
    `facts`, and a `problem` of its own, empty if there is none.

    Args:
        worker: the chief.
        listener: a listening socket on its port. It is closed before anyone is answered: from then on the port is free
            for TensorFlow's own server.
        hello: dict, the chief's own.
        timeout: float, in seconds.
    """

    def __init__(self, worker: Worker, listener: socket.socket, hello: dict, timeout: float):
        self.worker, self.listener, self.timeout = worker, listener, timeout
        self.hellos: dict[int, dict] = {0: hello}
        self.connections: dict[int, LineSocket] = {}
        self.problem = ""
        self._refused: list[LineSocket] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> str:
        """What is wrong, empty if nothing is: then `connections` lead to the other workers."""
        deadline = time.monotonic() + self.timeout
        self._selector.register(self.listener, selectors.EVENT_READ)
        while len(self.hellos) < self.worker.count and time.monotonic() < deadline:
            if self.problem:  # found before all are here: those who come a little later shall hear it too
                deadline = min(deadline, time.monotonic() + min(_LINGER, self.timeout / 3))
            for key, _ in self._selector.select(0.2):
                if key.fileobj is self.listener:
                    connected, _ = self.listener.accept()
                    connected.settimeout(5)
                    self._selector.register(LineSocket(connected), selectors.EVENT_READ)
                else:
                    self._hear(key.fileobj)
        self._selector.close()
        self.listener.close()
        self.problem = self.problem or self._differences()
        for connection in [*self.connections.values(), *self._refused]:
            connection.send({"problem": self.problem})
        return self.problem

    def _hear(self, connection: LineSocket) -> None:
        try:
            messages, gone = connection.receive()
            if messages:
                self._let_in(connection, messages[0])
        except (ValueError, KeyError, TypeError, OSError):
            gone = True  # no process of this program: a probe of Kubernetes, a scan of ports
        if gone:
            self._selector.unregister(connection)
            connection.close()
            for index in [index for index, each in self.connections.items() if each is connection]:
                del self.connections[index], self.hellos[index]

    def _let_in(self, connection: LineSocket, hello: dict) -> None:
        index, token, place = int(hello["index"]), hello["token"], _place(hello)
        known = self.hellos.get(index)
        if token == self.hellos[0]["token"]:  # the chief looks whether this is the place that the others go to
            connection.send({"problem": ""})
        elif not 0 <= index < self.worker.count:
            self._refused.append(connection)
            self.problem = self.problem or (
                f"A process on {place} says that it is worker {index}, but {self.worker} knows of {self.worker.count} "
                'workers. Give all of them the same "cluster" in TF_CONFIG.'
            )
        elif known is not None and known["token"] != token:
            self._refused.append(connection)
            self.problem = self.problem or (
                f"Two processes say that they are {self.worker.name_of(index)}: one on {_place(known)}, one on {place}."
                " Give every process an index of its own in TF_CONFIG."
            )
        else:
            self.hellos[index], self.connections[index] = hello, connection

    def _differences(self) -> str:
        lines = [
            f"{self.worker.name_of(index)}: {hello['problem']}"
            for index, hello in self.hellos.items()
            if hello["problem"]
        ]
        missing = [self.worker.name_of(index) for index in range(self.worker.count) if index not in self.hellos]
        if missing:
            lines.append(
                f"{_listed(missing)} did not come within {self.timeout:g} s; {len(self.hellos)} of {self.worker.count} "
                "workers are here. See whether it runs, what it wrote last, and whether it can reach "
                f"{self.worker.addresses[0]}."
            )
        expected = self.hellos[0]["facts"]
        for index in sorted(self.hellos):
            facts = self.hellos[index]["facts"]
            lines += [
                f"{self.worker.name_of(index)} has {name} {_shown(facts.get(name))}, {self.worker.name_of(0)} has "
                f"{_shown(expected.get(name))}."
                for name in {**expected, **facts}
                if facts.get(name) != expected.get(name)
            ]
        if len(lines) > _MOST_LINES:
            lines = [*lines[:_MOST_LINES], f"And {len(lines) - _MOST_LINES} more."]
        return "\n".join(lines)


def _place(hello: dict) -> str:
    return f"{hello['host']} (process {hello['process']})"


def _listed(names: list[str], most: int = 8) -> str:
    shown = names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shown(value: object) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
