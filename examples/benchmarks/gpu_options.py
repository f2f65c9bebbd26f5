"""The command line that all measurements on a GPU share, how long each takes, and how figures are written."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gpu_plan import MODELS, SIDES, WORKLOADS

Figures = dict[str, dict[str, float]]
# Sequence length -> masked tokens that are predicted, as BERT was pretrained.
PREDICTIONS = {128: 20, 512: 76}
VOCABULARY_SIZE = 30522


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options that say how much is measured."""
    parser.add_argument("--tokens", type=int, default=32768, help="of a batch of base; large takes half as many")
    parser.add_argument("--steps", type=int, default=20, help="of a block, whose time is taken as one")
    parser.add_argument("--blocks", type=int, default=5, help="that are timed, after one that is not")
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[32, 64, 128, 256], help="that sentences are padded to"
    )
    parser.add_argument("--dropout", type=float, default=0.1, help="in training, but for the probabilities")


def parse_run(description: str, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of one run."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--workload", required=True, choices=WORKLOADS)
    parser.add_argument("--model", required=True, choices=MODELS)
    parser.add_argument("--side", required=True, choices=SIDES)
    parser.add_argument("--batches", type=Path, required=True, help="what gpu_batches.py wrote")
    parser.add_argument("--output", type=Path, required=True, help="file for the figures, as JSON")
    add_sizes(parser)
    return parser.parse_args(arguments)


def rows_of(options: argparse.Namespace, length: int) -> int:
    """Rows of a batch of so many tokens each."""
    return max(1, options.tokens // (2 if options.model == "large" else 1) // length)


def write(options: argparse.Namespace, device: str, figures: Figures, rows: list | None = None) -> None:
    """The figures of a run, and rows of a table where there are any."""
    report = {"figures": figures, "device": device, **({"rows": rows} if rows else {})}
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


def block_seconds(block: Callable[[], object], blocks: int) -> list[float]:
    """Of each call but a first one. A block has to wait for its result."""
    times = []
    for _ in range(1 + blocks):
        begin = time.perf_counter()
        block()
        times.append(time.perf_counter() - begin)
    return times[1:]


def step_figures(times: list[float], steps: int, sequences: int, tokens: int, flops: float = 0) -> dict[str, float]:
    """Of blocks of `steps` steps that together hold so many sequences and real tokens, and take `flops` operations."""
    seconds = statistics.median(times)
    return {
        "seconds": seconds / steps,
        "spread": (max(times) - min(times)) / seconds,
        "sequences_per_second": sequences / seconds,
        "tokens_per_second": tokens / seconds,
        "flops_per_second": flops / seconds,
    }
