"""Before TensorFlow waits for the cluster: do all workers come, and are they of one mind?"""

import contextlib
import errno
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable

from keras_bert_layers.distribute.check_in_desk import CheckInDesk
from keras_bert_layers.distribute.errors import ClusterError
from keras_bert_layers.distribute.line_socket import LineSocket, split_address
from keras_bert_layers.distribute.worker import Worker

# For a process of the run before that is about to end.
_PATIENCE_FOR_A_PORT = 10


def check_in(worker: Worker, facts: dict, timeout: float) -> dict[int, LineSocket]:
    """Connects every worker with the chief, once all are there and their facts are equal.

    The chief listens on its own address, the others call there. What is found wrong, every process that came is told
    in the same words.

    Args:
        worker: this process.
        facts: dict of name -> value as JSON can hold it, of what must be equal everywhere.
        timeout: float, in seconds; how long the chief waits for the others, and they for it to begin.

    Returns:
        The connections: the chief's to all others, by index; that of another worker to the chief, `{0: ...}`.

    Raises:
        ClusterError: if not all come, two have one index, or facts differ.
    """
    hello = {
        "index": worker.index,
        "token": secrets.token_hex(8),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "facts": facts,
        "problem": "",
    }
    if worker.is_chief:
        return _receive(worker, hello, timeout)
    port = split_address(worker.address)[1]
    try:
        _listen(port, timeout).close()
    except OSError as error:
        hello["problem"] = _taken(port, error)
    return {0: _call(worker, hello, timeout)}


def _receive(worker: Worker, hello: dict, timeout: float) -> dict[int, LineSocket]:
    port = split_address(worker.address)[1]
    try:
        listener = _listen(port, timeout, lambda: _look_around(worker, hello))
    except OSError as error:
        raise ClusterError(f"{worker}: {_taken(port, error)}") from None
    desk = CheckInDesk(worker, listener, hello, timeout)
    over = threading.Event()
    threading.Thread(target=_look_for_another_chief, args=(worker, hello, desk, over), daemon=True).start()
    problem = desk.run()
    over.set()
    if problem:
        raise ClusterError(problem)
    return desk.connections


def _call(worker: Worker, hello: dict, timeout: float) -> LineSocket:
    """The connection to the chief, after its answer."""
    chief, deadline = worker.name_of(0), time.monotonic() + timeout
    reason = ""
    while time.monotonic() < deadline:
        try:
            # Once connected, the chief's own time-out counts; it may have begun to wait later than this process.
            connection, reply = _ask(worker.addresses[0], hello, timeout + 15)
        except OSError as error:
            reason = f"It could not be reached: {error}. See whether it runs, and what it wrote last."
        else:
            if reply is not None and not reply["problem"]:
                return connection
            connection.close()
            if reply is not None:
                raise ClusterError(reply["problem"])
            reason = (
                "Something answers there that waits for no worker: a training that began without this process (is "
                f"there another worker {worker.index}?), or another program."
            )
        time.sleep(0.5)
    raise ClusterError(f"{chief} did not answer {worker} within {timeout:g} s. {reason}")


def _ask(address: str, hello: dict, wait: float) -> tuple[LineSocket, dict | None]:
    """A connection, and what the process there answers; `None` if it is no desk."""
    connection = LineSocket(socket.create_connection(split_address(address), timeout=5))
    connection.socket.settimeout(wait)
    connection.send(hello)
    messages, gone = [], False
    try:
        while not messages and not gone:
            messages, gone = connection.receive()
        return connection, messages[0] if messages and "problem" in messages[0] else None
    except (ValueError, OSError):
        return connection, None


def _look_around(worker: Worker, hello: dict) -> None:
    """Where the chief's port is taken: if another chief has it, both end."""
    with contextlib.suppress(OSError):
        connection, reply = _ask(worker.address, hello, 5)
        connection.close()
        if reply is not None and reply["problem"]:
            raise ClusterError(reply["problem"])


def _look_for_another_chief(worker: Worker, hello: dict, desk: CheckInDesk, over: threading.Event) -> None:
    """Calls the chief's address, as the others do: whoever answers should be this process."""
    while not over.is_set():
        try:
            connection, reply = _ask(worker.address, hello, desk.timeout)
        except OSError:
            over.wait(1)
            continue
        connection.close()
        if reply is not None:
            desk.problem = desk.problem or reply["problem"]
        return


def _listen(port: int, timeout: float, meanwhile: Callable[[], None] = lambda: None) -> socket.socket:
    """A socket that listens on a port of all interfaces; waits a little where it is taken."""
    deadline = time.monotonic() + min(_PATIENCE_FOR_A_PORT, timeout / 3)
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    while True:
        try:
            return socket.create_server(("", port), family=family, dualstack_ipv6=both, backlog=1024)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        meanwhile()
        time.sleep(0.5)


def _taken(port: int, error: OSError) -> str:
    return (
        f"cannot listen on port {port} of {socket.gethostname()}: {error.strerror}. End the program that has it, or "
        "choose another port in TF_CONFIG."
    )
