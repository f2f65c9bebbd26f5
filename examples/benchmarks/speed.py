"""How fast this library is beside keras-hub, Hugging Face transformers on PyTorch, and ONNX Runtime.

    python examples/benchmarks/speed.py --data DIR --output speed
    python examples/benchmarks/speed.py --data DIR --output speed --workloads texts --peers ours keras-hub --rounds 1

speed_texts.py says which files lie in DIR, speed_plan.py which workloads and peers there are. All load the same random
weights (keras-hub has its own, of the same sizes). Before anything is timed, ours and Hugging Face must give the same
logits. Each peer runs each workload in a process of its own, and within a round they take turns. A peer that is not
installed is reported as such.

Every run's figures are kept in `--output`, so that the same command goes on where it was stopped; `report.md` and
`report.json` compare medians over rounds with the goals. With BERT-base on two cores a workload takes about three
minutes a round. Nothing else may run beside it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import speed_machine
from speed_arguments import add_sizes
from speed_plan import MODELS, PEERS, SIDES, WORKLOADS, Run, plan
from speed_report import write_report
from speed_texts import SENTENCES, find_vocabulary

HERE = Path(__file__).resolve().parent
SCRIPTS = {"ours": "speed_ours.py", "huggingface": "speed_huggingface.py", "onnxruntime": "speed_onnx.py"}
TOLERANCE = 1e-4


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    flags = speed_machine.quick_types()
    runs, absent = plan(options.workloads, options.peers, options.model, options.sentences, options.rounds, flags)
    for folder in ("figures", "logs"):
        (options.output / folder).mkdir(parents=True, exist_ok=True)
    same_machine(options.output / "machine.json", speed_machine.describe())
    waiting = [run for run in runs if not is_done(options, run)]
    for model in dict.fromkeys(run.model for run in waiting if run.model):
        prepare(options, model, {run.side.peer for run in waiting if run.model == model})
    failed = []
    for number, run in enumerate(waiting):
        left = time_left(options, waiting[number:])
        print(f"[{number + 1}/{len(waiting)}] {run.name}{f', about {left} left' if left else ''}", flush=True)
        if not process(options, run.name, run.script, *run_arguments(options, run), settings=settings_of(options, run)):
            failed.append(run.name)
    print(write_report(options.output, absent))
    if failed:
        print(f"Ended with an error, see {options.output / 'logs'}: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of texts and of the vocabulary")
    parser.add_argument("--output", type=Path, default=Path("speed"), help="folder for figures and reports")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peers", nargs="+", choices=[*PEERS, *SIDES], default=list(PEERS), metavar="PEER")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=["base"], help="sizes")
    parser.add_argument("--sentences", nargs="+", choices=SENTENCES, default=["sst2"], help="of the workload `texts`")
    parser.add_argument("--vocabulary", type=Path, help="vocab.txt of an uncased BERT; otherwise the one in DIR/vocab")
    parser.add_argument("--rounds", type=int, default=3)
    add_sizes(parser)
    options = parser.parse_args(arguments)
    options.vocabulary = options.vocabulary or find_vocabulary(options.data)
    if options.vocabulary is None or not options.vocabulary.exists():
        parser.error(f"no vocabulary: there is no {options.vocabulary or options.data / 'vocab/*uncased*vocab.txt'}")
    return options


def same_machine(path: Path, machine: dict) -> None:
    """Ends the program if the figures that are there come from another machine or from other versions.

    Packages may join between two runs.
    """
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else machine
    there, here = ({**each, **each["versions"]} for each in (before, machine))
    compared = [name for name in here if name in there and name not in ("versions", "memory_gib")]
    differing = [f"{name} {there[name]}, now {here[name]}" for name in compared if there[name] != here[name]]
    if differing:
        sys.exit(f"{path.parent} holds figures of {'; '.join(differing)}. Choose another --output.")
    path.write_text(json.dumps(machine, indent=1) + "\n", encoding="utf-8")


def settings_of(options: argparse.Namespace, run: Run) -> dict:
    return {name: getattr(options, name) for name in ("threads", *WORKLOADS[run.workload].options)}


def is_done(options: argparse.Namespace, run: Run) -> bool:
    """Whether the figures of a run are there; ends the program if they were measured with other settings."""
    path = options.output / "figures" / f"{run.name}.json"
    if not path.exists():
        return False
    before, now = json.loads(path.read_text(encoding="utf-8"))["settings"], settings_of(options, run)
    differing = {name: (before.get(name), now[name]) for name in now if before.get(name) != now[name]}
    if differing:
        shown = ", ".join(f"--{name.replace('_', '-')} {old}, now {new}" for name, (old, new) in differing.items())
        sys.exit(f"{path} was measured with {shown}. Remove it or choose another --output.")
    return True


def prepare(options: argparse.Namespace, model: str, peers: set[str]) -> None:
    """The checkpoint of a model, and a look at whether those who load it compute the same."""
    directory = checkpoint(options, model)
    if not (directory / "config.json").exists():
        print(f"writing {directory} ...", flush=True)
        arguments = ["--model", model, "--vocabulary", str(options.vocabulary), "--checkpoint", str(directory)]
        if not process(options, f"checkpoint-{model}", HERE / "speed_checkpoint.py", *arguments):
            sys.exit(f"It could not be written; see {options.output / 'logs'}.")
    check_agreement(options, model, [peer for peer in SCRIPTS if peer in peers])


def check_agreement(options: argparse.Namespace, model: str, peers: Sequence[str]) -> None:
    """Ends the program unless all these peers give the same logits of 8 texts."""
    if len(peers) < 2:
        return
    logits = {}
    for peer in peers:
        name = f"agree-{model}.{peer}"
        if not process(options, name, HERE / SCRIPTS[peer], "--workload", "agree", *common(options, model), keep=True):
            sys.exit(f"{peer} gave no logits; see {options.output / 'logs' / name}.log, or leave it out by --peers.")
        figures = json.loads((options.output / "figures" / f"{name}.json").read_text(encoding="utf-8"))["figures"]
        logits[peer] = [value for row in figures["logits"].values() for value in row]
    values = list(zip(*logits.values(), strict=True))
    # Written so that a NaN anywhere is no agreement.
    agree = all(abs(value - of_one_text[0]) <= TOLERANCE for of_one_text in values for value in of_one_text)
    gap = max(max(of_one_text) - min(of_one_text) for of_one_text in values)
    spread = max(values[::2])[0] - min(values[::2])[0]
    print(f"{model}: {', '.join(peers)} agree within {gap:.1e}; logits of 8 texts lie {spread:.2f} apart", flush=True)
    if not agree or spread < 10 * TOLERANCE:
        sys.exit(f"Nothing was timed: they must agree within {TOLERANCE:g}, on texts with different logits.")


def common(options: argparse.Namespace, model: str | None) -> list[str]:
    """The arguments of every script of a peer, but for its workload."""
    given = ["--data", str(options.data), "--vocabulary", str(options.vocabulary)]
    sizes = argparse.ArgumentParser()
    add_sizes(sizes)
    for name in vars(sizes.parse_args([])):
        value = getattr(options, name)
        values = value if isinstance(value, list | tuple) else [value]
        given += [f"--{name.replace('_', '-')}", *map(str, values)]
    return [*given, "--model", model, "--checkpoint", str(checkpoint(options, model))] if model else given


def run_arguments(options: argparse.Namespace, run: Run) -> list[str]:
    sentences = ["--sentences", run.sentences] if run.sentences else []
    return ["--workload", run.workload, "--form", run.side.form, *common(options, run.model), *sentences]


def checkpoint(options: argparse.Namespace, model: str) -> Path:
    return options.output / "checkpoints" / model


def process(
    options, name: str, script: Path, *arguments: str, settings: dict | None = None, keep: bool = False
) -> bool:
    """Runs a script, which writes its figures to a file; they take their place when they are complete.

    With `settings` these and the seconds are kept beside the figures; with `keep` figures that are there stay.
    """
    path, unfinished = (options.output / "figures" / f"{name}.{end}" for end in ("json", "unfinished"))
    if keep and path.exists():
        return True
    command = [sys.executable, str(script), *arguments]
    command += ["--output", str(unfinished)] if settings is not None or keep else []
    threads = {"OMP_NUM_THREADS": str(options.threads)}
    begin = time.perf_counter()
    with open(options.output / "logs" / f"{name}.log", "w", encoding="utf-8") as log:
        ended = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **threads}, check=False
        )
    if ended.returncode:
        return False
    if settings is not None:
        report = json.loads(unfinished.read_text(encoding="utf-8"))
        report |= {"settings": settings, "process_seconds": time.perf_counter() - begin}
        unfinished.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if unfinished.exists():
        unfinished.rename(path)
    return True


def time_left(options: argparse.Namespace, runs: Sequence[Run]) -> str | None:
    """The seconds that runs like these took, as minutes and seconds; None before there is any."""
    took = {}
    for file in (options.output / "figures").glob("*.json"):
        seconds = json.loads(file.read_text(encoding="utf-8")).get("process_seconds")
        if seconds is not None:
            key, side, _ = file.stem.split(".")
            took.setdefault((key, side), []).append(seconds)
            took.setdefault(key, []).append(seconds)
            took.setdefault(None, []).append(seconds)
    if not took:
        return None
    known = [took.get((run.key, run.side.name)) or took.get(run.key) or took[None] for run in runs]
    seconds = sum(map(statistics.mean, known))
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
