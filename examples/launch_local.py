"""Starts the same program as several workers on this machine, as a cluster would, to try it out.

    python examples/launch_local.py --workers 2 -- python script.py ARGUMENTS
    python examples/launch_local.py --workers 2 --devices 2 -- python script.py ARGUMENTS
    python examples/launch_local.py --workers 2 --gpus 4 --logs logs -- python script.py ARGUMENTS

Each worker gets TF_CONFIG with addresses on free ports of this machine, which `kbl.distribute.make_strategy()` reads.
`--devices 2` divides the CPU of each into two devices (KBL_LOGICAL_CPUS), `--gpus 4` gives each four GPUs of its own;
without it, they see none. Lines of output begin with the number of the worker; with `--logs`, the chief's are shown as
they are and each of the others writes into a file. Ctrl-C and SIGTERM are passed on. When one worker fails, the others
have `--grace` seconds to end by themselves. The status is the worst of all workers', 128 + n for one that signal n
ended. It starts within a second and then takes as long as the program.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path


def main(command: list[str] | None = None) -> int:
    arguments = parse_arguments(command)
    addresses = [f"localhost:{port}" for port in free_ports(arguments.workers)]
    workers, readers = [], []
    try:
        with passing_on(signal.SIGTERM, workers):
            for index in range(arguments.workers):
                workers.append(start(arguments, addresses, index))
                readers.append(threading.Thread(target=show, args=(arguments, index, workers[-1])))
                readers[-1].start()
            end_together(workers, arguments.grace)
    except KeyboardInterrupt:
        send(signal.SIGINT, workers)
        end(workers, arguments.grace)
    except OSError as error:
        end(workers, 0)
        print(f"{arguments.command[0]} could not be started: {error.strerror}", file=sys.stderr)
        return 2
    finally:
        end(workers, 0)
        for reader in readers:
            reader.join(5)
    return max(status_of(worker) for worker in workers)


def parse_arguments(command: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--devices", type=int, default=1, metavar="R", help="logical CPUs in each worker")
    parser.add_argument("--gpus", type=int, default=0, metavar="G", help="GPUs of each worker")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="where all but the chief write")
    parser.add_argument(
        "--grace", type=float, default=45, metavar="SECONDS", help="for the others after one has failed"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and the program with its arguments")
    arguments = parser.parse_args(command)
    arguments.command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not arguments.command:
        parser.error("say what to start, after two dashes: launch_local.py --workers 2 -- python script.py")
    if arguments.workers < 1 or arguments.devices < 1 or arguments.gpus < 0:
        parser.error("--workers and --devices must be positive, --gpus not negative")
    return arguments


def start(arguments: argparse.Namespace, addresses: list[str], index: int) -> subprocess.Popen:
    """One worker, in a group of processes of its own: signals of the terminal reach it through this program only."""
    own = range(index * arguments.gpus, (index + 1) * arguments.gpus)
    environment = {
        **os.environ,
        "KBL_LOGICAL_CPUS": str(arguments.devices),
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, own)),
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("TF_CONFIG", None)
    if len(addresses) > 1:
        task = {"type": "worker", "index": index}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    return subprocess.Popen(
        arguments.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def show(arguments: argparse.Namespace, index: int, worker: subprocess.Popen) -> None:
    """What a worker writes, on the standard output or in its file."""
    to_file = arguments.logs is not None and index > 0
    prefix = b"" if arguments.logs is not None or arguments.workers == 1 else f"[{index}] ".encode()
    with contextlib.ExitStack() as files:
        output = sys.stdout.buffer
        if to_file:
            arguments.logs.mkdir(parents=True, exist_ok=True)
            output = files.enter_context(open(arguments.logs / f"worker-{index}.log", "wb"))
        for line in worker.stdout:
            output.write(prefix + line)
            output.flush()


def end_together(workers: list[subprocess.Popen], grace: float) -> None:
    """Waits for all; when one has failed, ends the others after a while."""
    while any(worker.poll() is None for worker in workers):
        failed = [index for index, worker in enumerate(workers) if worker.poll()]
        if failed:
            index = failed[0]
            print(f"worker {index} {ending(workers[index])}; the others end", file=sys.stderr, flush=True)
            end(workers, grace)
            return
        time.sleep(0.05)


def end(workers: list[subprocess.Popen], grace: float) -> None:
    """Lets the workers end by themselves for `grace` seconds, then asks them to, then kills them."""
    for message, seconds in ((None, grace), (signal.SIGTERM, min(grace, 5)), (signal.SIGKILL, 5)):
        if message is not None:
            send(message, workers)
        deadline = time.monotonic() + seconds
        while any(worker.poll() is None for worker in workers) and time.monotonic() < deadline:
            time.sleep(0.05)


def send(message: signal.Signals, workers: list[subprocess.Popen]) -> None:
    for worker in workers:
        if worker.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, message)


@contextlib.contextmanager
def passing_on(message: signal.Signals, workers: list[subprocess.Popen]):
    """Within it, a signal to this program goes to all workers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(message, lambda *_: send(message, workers))
    try:
        yield
    finally:
        signal.signal(message, before)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as sockets:
        opened = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in opened:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in opened]


def status_of(worker: subprocess.Popen) -> int:
    return worker.returncode if worker.returncode >= 0 else 128 - worker.returncode


def ending(worker: subprocess.Popen) -> str:
    if worker.returncode < 0:
        return f"was ended by {signal.Signals(-worker.returncode).name}"
    return f"ended with status {worker.returncode}"


if __name__ == "__main__":
    sys.exit(main())
