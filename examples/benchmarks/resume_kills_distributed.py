"""Kills one of two workers at random moments, starts both again each time, and compares with the run left alone.

    python examples/benchmarks/resume_kills_distributed.py [--kills 5] [--steps 2000]

Both runs are `examples/train_distributed.py --deterministic` on a tiny model with dropout, as two workers on this
machine. The kill is SIGKILL to one of them, either one, at a moment drawn at random: every fourth while the programs
start, the others while they train, evaluate and write states. The other worker must then end by itself; after the last
kill the run is left to end. It prints each kill, how long the other worker took to end, and the step that the run went
on from, and whether both runs ended with the same bits: weights, optimizer, random generators, and the logs of all
epochs. The status is 1 if not, or if a worker had to be ended. About eight minutes on two cores.
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

EXAMPLES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXAMPLES))

from launch_local import free_ports  # noqa: E402
from resume_kills import WORDS, compare, write_corpus  # noqa: E402

SEQUENCE_LENGTH = 16


def main(command: list[str] | None = None) -> int:
    arguments = parse_arguments(command)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_records(folder)
        startup, training = run_alone(arguments, folder)
        print(f"left alone: {startup:.0f} s to start, {training:.0f} s for {arguments.steps} steps", flush=True)
        kills, hung = run_killed(arguments, folder, startup, training)
        print(f"started {kills + 1} times, killed {kills} times, {hung} times the other worker had to be ended")
        return max(compare(folder / "alone", folder / "killed", arguments.steps), int(hung > 0))


def parse_arguments(command: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=20, help="steps between two states")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds in which the other worker has to end")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    return parser.parse_args(command)


def write_records(folder: Path) -> None:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    command = [sys.executable, str(EXAMPLES / "prepare_pretraining.py"), str(write_corpus(folder / "corpus"))]
    command += ["--output", str(folder / "records"), "--vocabulary", str(folder / "vocab.txt"), "--objective", "none"]
    command += ["--sequence-length", str(SEQUENCE_LENGTH), "--chunk-bytes", "8000"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def start(arguments, folder: Path, output: str) -> list[subprocess.Popen]:
    command = [sys.executable, str(EXAMPLES / "train_distributed.py"), "--smoke", "--deterministic"]
    command += ["--records", str(folder / "records"), "--output", str(folder / output), "--held-out", "0.1"]
    command += ["--steps", str(arguments.steps), "--evaluate-every", "100", "--report-every", "50"]
    command += ["--checkpoint-every", str(arguments.every)]
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    workers = []
    for index in range(2):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": ""}
        with open(folder / f"said-{index}", "w") as said:
            workers.append(subprocess.Popen(command, stdout=said, stderr=said, env=environment))
    return workers


def until_training(folder: Path, workers: list[subprocess.Popen]) -> None:
    """Waits until the first worker has trained for some steps, and says how it is doing."""
    while not any("  loss " in line for line in (folder / "said-0").read_text().splitlines()):
        if any(worker.poll() is not None for worker in workers):
            finish(folder, workers)
        time.sleep(0.1)


def run_alone(arguments, folder: Path) -> tuple[float, float]:
    """How many seconds the workers take to start, and to train."""
    begin = time.monotonic()
    workers = start(arguments, folder, "alone")
    until_training(folder, workers)
    started = time.monotonic()
    finish(folder, workers)
    return started - begin, time.monotonic() - started


def run_killed(arguments, folder: Path, startup: float, training: float) -> tuple[int, int]:
    """Kills until it was done often enough, then lets the run end; how often it killed, and ended the other worker."""
    rng, hung = random.Random(arguments.seed), 0
    for number in range(1, arguments.kills + 1):
        workers = start(arguments, folder, "killed")
        starting = number % 4 == 0
        before, begin = newest_state(folder), time.monotonic()
        if not starting:
            until_training(folder, workers)
            # By what is done and not by the clock, so that the run gets on and does not end before the last kill.
            goal = before + rng.uniform(0, 1.4) * (arguments.steps - before) / (arguments.kills - number + 2)
            while newest_state(folder) < goal and workers[0].poll() is None:
                time.sleep(0.01)
        life = rng.uniform(0, startup if starting else 0.1 * training / arguments.kills)
        victim = rng.randrange(2)
        try:
            workers[victim].wait(life)
        except subprocess.TimeoutExpired:
            workers[victim].send_signal(signal.SIGKILL)
        else:
            finish(folder, workers)
            print(f"the run ended before kill {number}: more --steps give time for all")
            return number - 1, hung
        life, begin, ended = time.monotonic() - begin, time.monotonic(), "ended"
        try:
            workers[1 - victim].wait(arguments.patience)
        except subprocess.TimeoutExpired:
            workers[1 - victim].kill()
            hung, ended = hung + 1, "HUNG"
        seconds = time.monotonic() - begin
        step, when = newest_state(folder), "while it starts" if starting else "while it trains"
        print(
            f"kill {number:>2}  of worker {victim} after {life:4.1f} s, {when}   the other {ended} in "
            f"{seconds:4.1f} s with status {workers[1 - victim].wait()}   the run goes on from step {step}",
            flush=True,
        )
    finish(folder, start(arguments, folder, "killed"))
    return arguments.kills, hung


def newest_state(folder: Path) -> int:
    """After how many steps the last state was saved, 0 if there is none."""
    names = [path.stem for path in folder.glob("killed/states/step-*.npz")]
    return int(max(names).removeprefix("step-")) if names else 0


def finish(folder: Path, workers: list[subprocess.Popen]) -> None:
    """Waits for the end of the programs."""
    statuses = [worker.wait() for worker in workers]
    if any(statuses):
        said = "\n".join((folder / f"said-{index}").read_text() for index in range(2))
        raise SystemExit(f"train_distributed.py failed with status {statuses}:\n{said}")


if __name__ == "__main__":
    sys.exit(main())
