"""The command line that all peers of the comparison of speed share, and how their figures are written."""

import argparse
import json
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from speed_plan import MODELS

Figures = dict[str, dict[str, float]]


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options that say how much is measured."""
    parser.add_argument("--threads", type=int, default=2, help="of every peer")
    parser.add_argument("--texts", type=int, default=256, help="texts of the workload `texts`")
    parser.add_argument("--batch-size", type=int, default=32, help="texts at once, of all but our Predictor")
    parser.add_argument("--tokens-per-batch", type=int, default=2048, help="of our Predictor")
    parser.add_argument("--dense", type=int, nargs=2, default=[8, 128], metavar=("BATCH", "LENGTH"))
    parser.add_argument("--repeats", type=int, default=5, help="of the workloads `dense` and `imports`")
    parser.add_argument("--steps", type=int, default=4, help="of training that are timed, after two that are not")
    parser.add_argument("--rows", type=int, default=4, help="of a batch in pretraining")
    parser.add_argument("--length", type=int, default=512, help="of a row in pretraining")
    parser.add_argument("--latency-texts", type=int, default=200)
    parser.add_argument("--tokenized-texts", type=int, default=20000)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16], help="of the workload `growth`")
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128, 512], help="of the workload `growth`")


def parse_run(description: str, workloads: Sequence[str], arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of one run: a peer in one form, at one workload."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--workload", required=True, choices=list(workloads))
    parser.add_argument("--form", default="float32")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, help="in Hugging Face's format")
    parser.add_argument("--model", choices=MODELS, help="the sizes of --checkpoint")
    parser.add_argument("--sentences", default="sst2")
    parser.add_argument("--output", type=Path, required=True, help="file for the figures, as JSON")
    add_sizes(parser)
    return parser.parse_args(arguments)


def run_workload(
    options: argparse.Namespace,
    workloads: dict[str, Callable[[argparse.Namespace], Figures]],
    packages: Sequence[str],
    device: str = "CPU",
) -> None:
    """Measures, and writes the figures with what they were measured on."""
    figures = workloads[options.workload](options)
    versions = {package: metadata.version(package) for package in packages}
    report = {"figures": figures, "versions": versions, "device": device}
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))
