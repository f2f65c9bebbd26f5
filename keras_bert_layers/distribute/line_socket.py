"""Messages between the processes of a cluster: one object of JSON in a line, over a socket."""

import contextlib
import json
import socket

_LONGEST = 1 << 20


class LineSocket:
    """A connected socket that sends and receives dictionaries.

    Args:
        connected: a connected socket.
    """

    def __init__(self, connected: socket.socket):
        self.socket, self._received = connected, b""
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: dict) -> bool:
        """Whether the message could be sent; the other side may have gone."""
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self) -> tuple[list[dict], bool]:
        """The messages that came, and whether the other side has gone. Waits for the first if there is none.

        Raises:
            ValueError: if what came is no message of this program.
        """
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, BlockingIOError):
            raise
        except OSError:
            return [], True
        *lines, self._received = (self._received + data).split(b"\n")
        if len(self._received) > _LONGEST:
            raise ValueError("a line without an end")
        messages = [json.loads(line) for line in lines]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("no object of JSON")
        return messages, not data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()


def split_address(address: str) -> tuple[str, int]:
    """Host and port.

    Example:
        >>> split_address("[::1]:2222")
        ('::1', 2222)
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
