"""A function of a test helper, run in W processes of R replicas each, on this machine.

The function stands in a module directly under tests/. It takes keyword arguments, finds its devices with `strategy()`,
and returns anything that can be pickled. Here, `run("module:function", workers=2, replicas=2)` gives what every worker
returned. Importing TensorFlow costs seconds: let one function try many cases.
"""

import contextlib
import functools
import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launch_local import free_ports

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"
WORKERS, REPLICAS = "DISTRIBUTED_RUN_WORKERS", "DISTRIBUTED_RUN_REPLICAS"


@dataclass(frozen=True)
class Ended:
    """How one worker ended: its exit status (negative: the signal), what it returned, and what it wrote."""

    status: int
    result: object
    output: str


def run(function: str, workers: int = 1, replicas: int = 1, timeout: float = 120, **arguments) -> list:
    """What each worker returned, in their order.

    Raises:
        AssertionError: if a worker failed or did not end in time; the message holds the end of what it wrote.
    """
    ended = run_to_end(function, workers, replicas, timeout, **arguments)
    failed = [number for number, worker in enumerate(ended) if worker.status != 0]
    if failed:
        reports = [
            f"worker {number}: status {ended[number].status}\n{ended[number].output[-4000:]}" for number in failed
        ]
        raise AssertionError(f"{function} failed in {len(failed)} of {workers} workers.\n" + "\n".join(reports))
    return [worker.result for worker in ended]


def run_to_end(
    function: str,
    workers: int = 1,
    replicas: int = 1,
    timeout: float = 120,
    environment: Callable[[int], dict[str, str | None]] = lambda worker: {},
    meanwhile: Callable[[list[subprocess.Popen]], None] = lambda processes: None,
    **arguments,
) -> list[Ended]:
    """How each worker ended, also those that failed; whoever is not done after `timeout` seconds is killed.

    Args:
        environment: worker -> variables to set for it, or with None to unset, beside `TF_CONFIG`, which is there where
            there are several workers.
        meanwhile: is called with the processes when they have started, for instance to kill one of them.
    """
    config = {"cluster": {"worker": [f"localhost:{port}" for port in free_ports(workers)]}}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as cleanup:
        request = Path(directory, "request")
        request.write_bytes(pickle.dumps((function, arguments)))
        processes, outputs = [], []
        for worker in range(workers):
            variables: dict[str, str | None] = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS, EXAMPLES))),
                "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
                "CUDA_VISIBLE_DEVICES": "",
                WORKERS: str(workers),
                REPLICAS: str(replicas),
                "TF_CONFIG": json.dumps({**config, "task": {"type": "worker", "index": worker}})
                if workers > 1
                else None,
                **environment(worker),
            }
            outputs.append(Path(directory, f"output-{worker}"))
            file = cleanup.enter_context(open(outputs[-1], "wb"))
            process = subprocess.Popen(
                [sys.executable, __file__, str(request), str(Path(directory, f"result-{worker}"))],
                env={name: value for name, value in variables.items() if value is not None},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            cleanup.callback(_kill, process)
            processes.append(process)
        deadline = time.monotonic() + timeout
        meanwhile(processes)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.1))
        for process in processes:
            _kill(process)
        return [
            Ended(process.returncode, _result(Path(directory, f"result-{worker}")), _text(outputs[worker]))
            for worker, process in enumerate(processes)
        ]


@functools.cache  # A second one would number its collectives from the start again, and mix them up with the first's.
def strategy():
    """In a worker: the strategy for its workers and replicas, TensorFlow's default one for a single device."""
    import tensorflow as tf

    workers, replicas = int(os.environ[WORKERS]), int(os.environ[REPLICAS])
    if workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if replicas > 1:
        return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)])
    return tf.distribute.get_strategy()


def _kill(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _result(file):
    return pickle.loads(file.read_bytes()) if file.exists() else None


def _text(file):
    return file.read_text(encoding="utf-8", errors="replace")


def _work(request: str, result: str) -> None:
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * int(os.environ[REPLICAS])
    )
    function, arguments = pickle.loads(Path(request).read_bytes())
    module, name = function.split(":")
    returned = getattr(importlib.import_module(module), name)(**arguments)
    # Whole or not at all: a worker may be killed here.
    Path(result + ".part").write_bytes(pickle.dumps(returned))
    os.replace(result + ".part", result)


if __name__ == "__main__":
    _work(*sys.argv[1:])
