"""Puts a model under load, and reports how many texts it answers a second and how long each request waits.

    python examples/serve/load.py --rest http://localhost:8501 --model sentiment --file texts.txt
    python examples/serve/load.py --grpc localhost:8500 --model sentiment --file texts.txt --concurrency 1 8 64
    python examples/serve/load.py --saved-model exported/sentiment/1 --file texts.txt --batch-size 16

The texts stand one a line in a file or come from the standard input. Each of `--concurrency` callers asks for
`--seconds`, the next batch as soon as the last one is answered; what is asked in the seconds of `--warm-up` before is
not counted. It prints one row for each number of callers. The callers are threads of this one process: over REST they
reach a few thousand requests a second, and a server that can do more needs several such processes.

The status is 0; 1 if requests failed; 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import itertools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    from text_input import read_lines, refusing_bad_input

Ask = Callable[[list], object]


@dataclass(frozen=True)
class Load:
    """What came of a load: `latencies` in seconds of those answered, the time it took, and how often which error."""

    latencies: np.ndarray
    texts: int
    seconds: float
    errors: Counter

    def percentile(self, share: float) -> float:
        """In milliseconds: so many in a hundred requests were answered as fast as that."""
        return 1000 * float(np.percentile(self.latencies, share)) if len(self.latencies) else float("nan")


def measure(ask: Ask, batches: Sequence[list], concurrency: int, seconds: float, warm_up: float = 0.0) -> Load:
    """Lets `concurrency` threads call `ask` with one batch after the other.

    Args:
        ask: sends one request and comes back with its answer; an exception is a request that failed.
        batches: the texts of each request; over and over.
        concurrency: int > 0. Callers at the same time.
        seconds: float > 0. How long requests are counted.
        warm_up: float. Seconds before, in which they are not.
    """
    latencies, texts, errors, lock = [], [], Counter(), threading.Lock()
    begin = time.perf_counter() + warm_up
    turns = itertools.cycle(range(len(batches)))

    def call():
        while (start := time.perf_counter()) < begin + seconds:
            with lock:
                batch = batches[next(turns)]
            try:
                ask(batch)
            except Exception as error:  # whatever went wrong is what is to be counted
                with lock:
                    errors[f"{type(error).__name__}: {error}"[:200]] += 1
                continue
            if start >= begin:
                latencies.append(time.perf_counter() - start)
                texts.append(len(batch))

    threads = [threading.Thread(target=call, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(np.array(latencies), sum(texts), time.perf_counter() - begin, errors)


def in_process(path: Path, signature: str) -> Ask:
    """The SavedModel in this process: what a server could do at best that joins no requests.

    Raises:
        ValueError: if it lacks the signature, or this takes several inputs.
    """
    with quiet_start():
        import tensorflow as tf
        import tensorflow_text  # noqa: F401  the operations of the exported tokenizer

    loaded = tf.saved_model.load(str(path))
    if signature not in loaded.signatures:
        raise ValueError(f"{path} has no signature `{signature}`, but {', '.join(sorted(loaded.signatures))}.")
    names = list(loaded.signatures[signature].structured_input_signature[1])
    return lambda texts: loaded.signatures[signature](**dict.fromkeys(names, tf.constant(texts)))


def asker(options: argparse.Namespace) -> Ask:
    """What the options say is to be asked."""
    if options.saved_model:
        return in_process(options.saved_model, options.signature)
    # No retries: what has to be tried again is a failure here.
    settings = {"timeout": options.timeout, "retries": 0, "batch_size": options.batch_size}
    if options.rest:
        from serve.client_rest import RestClient

        client = RestClient(options.rest, options.model, connections=max(options.concurrency), **settings)
    else:
        from serve.client_grpc import GrpcClient

        client = GrpcClient(options.grpc, options.model, **settings)
    return lambda texts: client.predict(texts, options.signature)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        texts = read_lines(options.file)
        ask = asker(options)
        ask(texts[: options.batch_size])  # a target that cannot answer at all is told at once
    starts = range(0, len(texts), options.batch_size)
    batches = [texts[begin : begin + options.batch_size] for begin in starts]
    print(HEADER)
    errors = Counter()
    for concurrency in options.concurrency:
        load = measure(ask, batches, concurrency, options.seconds, options.warm_up)
        print(as_row(concurrency, load), flush=True)
        errors += load.errors
    for message, count in errors.most_common(5):
        print(f"{count} times {message}", file=sys.stderr)
    return 1 if errors else 0


HEADER = "callers  requests/s   texts/s   p50 ms   p90 ms   p99 ms  failed"


def as_row(concurrency: int, load: Load) -> str:
    """A row under `HEADER`."""
    rates = f"{len(load.latencies) / load.seconds:10,.1f}  {load.texts / load.seconds:8,.1f}"
    waits = "  ".join(f"{load.percentile(share):7,.2f}" for share in (50, 90, 99))
    return f"{concurrency:7}  {rates}  {waits}  {load.errors.total():6}"


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--rest", help="a server's address, such as http://localhost:8501")
    target.add_argument("--grpc", help="a server's address, such as localhost:8500")
    target.add_argument("--saved-model", type=Path, help="the directory of a version, to be called in this process")
    parser.add_argument("--model", default="model", help="its name on the server")
    parser.add_argument("--signature", default="text", help="the endpoint")
    parser.add_argument("--file", type=Path, help="a text a line; default: the standard input")
    parser.add_argument("--batch-size", type=int, default=1, help="texts in a request")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 16], help="callers at the same time")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before it that are not counted")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds after which a request has failed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
