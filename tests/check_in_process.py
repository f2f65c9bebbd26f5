"""A process of a cluster that only checks in: real sockets and processes, without the seconds that TensorFlow takes.

`check_in([...])` starts one for each request, a dict of `index`, `addresses`, `facts` and `timeout`, and gives what
each said: the indices that it is connected with, or the message it ended with.
"""

import json
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(request: dict) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, __file__, json.dumps(request)], stdout=subprocess.PIPE, text=True)


def check_in(requests: list[dict]) -> list:
    processes = [start(request) for request in requests]
    return [json.loads(process.communicate(timeout=30)[0]) for process in processes]


def _main(request: dict) -> None:
    # In place of the namespace, whose other parts load TensorFlow.
    namespace = types.ModuleType("keras_bert_layers.distribute")
    namespace.__path__ = [str(ROOT / "keras_bert_layers" / "distribute")]
    sys.path.insert(0, str(ROOT))
    sys.modules["keras_bert_layers.distribute"] = namespace
    from keras_bert_layers.distribute.check_in import check_in
    from keras_bert_layers.distribute.errors import ClusterError
    from keras_bert_layers.distribute.worker import Worker

    time.sleep(request.get("late", 0))
    me = Worker(request["index"], tuple(request["addresses"]))
    try:
        connections = check_in(me, request.get("facts", {}), request.get("timeout", 10))
    except ClusterError as error:
        print(json.dumps(str(error)))
    else:
        if me.is_chief:  # the connections lead to this port, and yet a server can listen there at once
            socket.create_server(("", int(me.address.split(":")[1]))).close()
        print(json.dumps(sorted(connections)))
        time.sleep(0.5)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
