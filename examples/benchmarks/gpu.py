"""Everything that is worth knowing of this library on a GPU, in one command and about ten minutes.

    python examples/benchmarks/gpu.py --output gpu
    python examples/benchmarks/gpu.py --output gpu --texts corpus.txt --models base --workloads pretrain-512 packed

Whether fused attention is right; pretraining, fine-tuning and inference of BERT-base and -large beside the same without
fused attention, beside keras-hub, and beside Hugging Face transformers on PyTorch (SDPA, compiled), where these are
installed; packed rows beside padded ones; MirroredStrategy beside none; and the costliest operations of a step. Each
run is a process of its own; sides take turns.

After `--minutes` no further run begins. Every run's figures are kept in `--output`, so that the same command goes on
where it stopped; `report.md` and `report.json` compare medians with the goals. `--tiny` tries the whole of it on a CPU
with models that are too small to say anything. This has not run on a GPU yet.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import speed_machine
from gpu_options import add_sizes
from gpu_plan import SIDES, WORKLOADS, Run, plan
from gpu_report import write_report
from speed import same_machine

HERE = Path(__file__).resolve().parent
TINY = {"tokens": 1024, "steps": 2, "blocks": 1, "lengths": [32, 64], "dropout": 0.0}
TINY_BATCHES = ("--rows", "8", "--sentences", "96", "--vocabulary-size", "400")


def main(arguments: Sequence[str] | None = None) -> int:
    begin = time.perf_counter()
    options = parse_arguments(arguments)
    runs, absent = plan(options.workloads, options.sides, options.models, options.rounds)
    for folder in ("figures", "logs"):
        (options.output / folder).mkdir(parents=True, exist_ok=True)
    same_machine(options.output / "machine.json", {**speed_machine.describe(), "gpus": gpus()})
    same_settings(options)
    batches = options.output / "batches.npz"
    if not batches.exists():
        print("making batches ...", flush=True)
        unfinished = batches.with_name("unfinished.npz")
        texts = ["--texts", str(options.texts)] if options.texts else []
        further = TINY_BATCHES if options.tiny else ()
        if not process(options, "batches", HERE / "gpu_batches.py", "--batches", str(unfinished), *texts, *further):
            sys.exit(f"They could not be made; see {options.output / 'logs' / 'batches.log'}.")
        unfinished.rename(batches)
    waiting = [run for run in runs if not figures_of(options, run).exists()]
    unmeasured, failed = [], []
    for number, run in enumerate(waiting):
        passed = (time.perf_counter() - begin) / 60
        if passed > options.minutes:
            unmeasured = [each.name for each in waiting[number:]]
            break
        left = time_left(options, waiting[number:])
        print(f"[{number + 1}/{len(waiting)}] {run.name}{f', about {left} left' if left else ''}", flush=True)
        if not measure(options, run, batches):
            failed.append(run.name)
    print(write_report(options.output, absent, unmeasured + failed))
    if failed:
        print(f"Ended with an error, see {options.output / 'logs'}: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("gpu"), help="folder for figures and reports")
    parser.add_argument("--texts", type=Path, help="text file; otherwise the prose of installed libraries")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--models", nargs="+", choices=("base", "large"), default=["base", "large"])
    parser.add_argument("--rounds", type=int, default=3, help="of all runs; the first is whole before the second")
    parser.add_argument("--minutes", type=float, default=10, help="after which no further run begins")
    parser.add_argument("--tiny", action="store_true", help="tiny models, also without a GPU")
    add_sizes(parser)
    options = parser.parse_args(arguments)
    if options.texts is not None and not options.texts.exists():
        parser.error(f"there is no {options.texts}")
    if options.tiny:
        options.models, options.rounds = ["tiny"], 1
        vars(options).update(TINY)
    elif not gpus():
        parser.error(
            "no NVIDIA GPU is here: nvidia-smi names none. Run this where there is one, with TensorFlow installed "
            "as tensorflow[and-cuda]; or pass --tiny to try it on a CPU."
        )
    return options


def gpus() -> list[str]:
    """The names of NVIDIA's GPUs and the version of their driver, as nvidia-smi says it; none where it is not there."""
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip().splitlines() if told.returncode == 0 else []


def same_settings(options: argparse.Namespace) -> None:
    """Ends the program if the figures that are there were measured with other settings."""
    path = options.output / "settings.json"
    now = {**sizes(options), "texts": str(options.texts), "tiny": options.tiny}
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else now
    differing = [f"{name} {before.get(name)}, now {now[name]}" for name in now if before.get(name) != now[name]]
    if differing:
        sys.exit(f"{options.output} holds figures of {'; '.join(differing)}. Choose another --output.")
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def sizes(options: argparse.Namespace) -> dict:
    parser = argparse.ArgumentParser()
    add_sizes(parser)
    return {name: getattr(options, name) for name in vars(parser.parse_args([]))}


def figures_of(options: argparse.Namespace, run: Run) -> Path:
    return options.output / "figures" / f"{run.name}.json"


def measure(options: argparse.Namespace, run: Run, batches: Path) -> bool:
    """Runs a script, whose figures take their place when they are complete."""
    path, begin = figures_of(options, run), time.perf_counter()
    unfinished = path.with_suffix(".unfinished")
    given = ["--workload", run.workload, "--model", run.model, "--side", run.side]
    given += ["--batches", str(batches), "--output", str(unfinished)]
    for name, value in sizes(options).items():
        given += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    if not process(options, run.name, run.script, *given):
        return False
    report = json.loads(unfinished.read_text(encoding="utf-8"))
    report["process_seconds"] = time.perf_counter() - begin
    unfinished.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    unfinished.rename(path)
    return True


def process(options: argparse.Namespace, name: str, script: Path, *arguments: str) -> bool:
    """Whether a script ended well; what it wrote is in a file of the folder `logs`."""
    # TensorFlow takes memory as it needs it, so that its peak is that of the work.
    environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ}
    with open(options.output / "logs" / f"{name}.log", "w", encoding="utf-8") as log:
        command = [sys.executable, str(script), *arguments]
        return not subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False
        ).returncode


def time_left(options: argparse.Namespace, runs: Sequence[Run]) -> str | None:
    """The mean of the processes so far for each run, as minutes and seconds; None before there is any."""
    files = (options.output / "figures").glob("*.json")
    took = [json.loads(file.read_text(encoding="utf-8"))["process_seconds"] for file in files]
    seconds = int(sum(took) / len(took) * len(runs)) if took else 0
    return f"{seconds // 60}:{seconds % 60:02d}" if took else None


if __name__ == "__main__":
    sys.exit(main())
