"""Kills a pretraining run at random moments, starts it again each time, and compares it with the run left alone.

    python examples/benchmarks/resume_kills.py [--kills 10] [--steps 2000] [--corpus folder/of/texts]

Both are `examples/pretrain.py --deterministic` on a tiny model with dropout and two phases. The kill is SIGKILL, at a
moment drawn at random: every fourth while the program starts, the others while it trains, evaluates and writes states.
After the last kill the run is left to end. It prints each kill and the step that the run went on from, and whether the
two runs ended with the same bits: weights, optimizer, random generators, and the logs of all epochs. The status is 1 if
not. About five minutes on two cores.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PRETRAIN = Path(__file__).resolve().parents[1] / "pretrain.py"
WORDS = ["the", "a", "rain", "cat", "dog", "sun", "wind", "runs", "sleeps", "falls", "is", "good", "bad", "very", "not"]


def main(command: list[str] | None = None) -> int:
    arguments = parse_arguments(command)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        corpus = arguments.corpus or write_corpus(folder / "corpus")
        startup, training = run_alone(arguments, corpus, folder / "alone")
        print(f"left alone: {startup:.0f} s to start, {training:.0f} s for {arguments.steps} steps", flush=True)
        kills = run_killed(arguments, corpus, folder / "killed", startup, training)
        print(f"started {kills + 1} times, killed {kills} times")
        return compare(folder / "alone", folder / "killed", arguments.steps)


def parse_arguments(command: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=20, help="steps between two states")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--corpus", type=Path, help="default: random sentences")
    return parser.parse_args(command)


def write_corpus(folder: Path) -> Path:
    """Documents of sentences out of a few words."""
    folder.mkdir()
    rng = random.Random(0)
    for number in range(40):
        sentences = (" ".join(rng.choices(WORDS, k=rng.randint(4, 10))) + "." for _ in range(25))
        (folder / f"{number}.txt").write_text("\n".join(sentences), encoding="utf-8")
    return folder


def start(arguments, corpus: Path, output: Path) -> subprocess.Popen:
    first = arguments.steps * 2 // 3
    command = [sys.executable, str(PRETRAIN), "--smoke", "--deterministic", "--corpus", str(corpus)]
    command += ["--output", str(output), "--phases", f"16:{first}:8,32:{arguments.steps - first}:4"]
    command += ["--evaluate-every", "250", "--checkpoint-every", str(arguments.every), "--report-every", "50"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def until_training(process: subprocess.Popen) -> str:
    """Reads what the program says until it begins to train."""
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("run "):
            break
    return "".join(said)


def run_alone(arguments, corpus: Path, output: Path) -> tuple[float, float]:
    """How many seconds the program takes to start, and to train."""
    begin = time.monotonic()
    process = start(arguments, corpus, output)
    until_training(process)
    started = time.monotonic()
    finish(process)
    return started - begin, time.monotonic() - started


def run_killed(arguments, corpus: Path, output: Path, startup: float, training: float) -> int:
    """Kills until it was done often enough, then lets the run end; returns how often it was killed."""
    rng = random.Random(arguments.seed)
    for number in range(1, arguments.kills + 1):
        process = start(arguments, corpus, output)
        starting = number % 4 == 0
        if not starting:
            until_training(process)
        # On average, so long that the run gets on, and so short that it does not end before the last kill.
        longest = min(1.6 * training / arguments.kills + 4, 0.7 * training)
        life = rng.uniform(0, startup if starting else longest)
        try:
            process.wait(life)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        else:
            finish(process)
            print(f"the run ended before kill {number}: more --steps give time for all")
            return number - 1
        states = sorted(path.stem.removeprefix("step-") for path in output.glob("states/step-*.npz"))
        step, when = int(states[-1]) if states else 0, "starting" if starting else "training"
        print(f"kill {number:>2}  after {life:5.1f} s of {when}   the run goes on from step {step}", flush=True)
    finish(start(arguments, corpus, output))
    return arguments.kills


def finish(process: subprocess.Popen) -> None:
    """Waits for the end of the program."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"pretrain.py failed:\n{said}")


def compare(alone: Path, killed: Path, steps: int) -> int:
    """Prints what is equal; 0 if all is."""
    name = f"states/step-{steps:09d}.npz"
    different = []
    with np.load(alone / name) as one, np.load(killed / name) as other:
        facts, facts_killed = (json.loads(file["state.json"]) for file in (one, other))
        arrays = [name for name in one.files if name != "state.json"]
        if one.files != other.files:
            different.append("the names of the arrays")
        different += [name for name in arrays if one[name].tobytes() != other[name].tobytes()]
    for name in ("history", "random", "variables"):
        if facts[name] != facts_killed[name]:
            different.append(name)
    curves, curves_killed = (untimed(json.loads((path / "progress.json").read_text())) for path in (alone, killed))
    if [row["step"] for row in curves] != [row["step"] for row in curves_killed]:
        different.append("the steps of the curves")
    if different:
        print(f"DIFFERENT: {', '.join(different)}")
        return 1
    epochs = len(facts["history"]["epoch"])
    print(f"equal bit for bit: {len(arrays)} arrays (weights, optimizer, random generators), logs of {epochs} epochs")
    return 0


def untimed(rows: list[dict]) -> list[dict]:
    return [{name: value for name, value in row.items() if not name.endswith(("second", "seconds"))} for row in rows]


if __name__ == "__main__":
    sys.exit(main())
