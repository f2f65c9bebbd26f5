"""Fine-tuning side by side: this library and Hugging Face transformers on PyTorch, from the same weights.

    python examples/benchmarks/finetune.py --data DIR --model DIR --output finetune

Six data sets (finetune_tasks.py says where their files lie), each trained for three epochs in batches of 32 with the
same recipe, by finetune_ours.py and finetune_huggingface.py in processes of their own. Both put texts of like length
into one batch for the scores, of which the mean over `--seeds` is reported. For the times both are run by turns for
`--timed-steps` steps, `--rounds` times: this library, transformers with batches of like length, and transformers with
random batches, its default; the time of a whole training is the number of steps times the median step, of so many that
the slower first ones, on which memory grows, do not count. SST-2 is also trained with LoRA of rank 4 on all matrices of
the blocks, at a rate of 1e-3. Answers to questions are trained on four fifths of XQuAD's English file
(`xquad/xquad.en.json`) and tested on the rest, five times, by answer_xquad.py and answer_huggingface.py, for five
epochs in batches of 16 at 3e-4.

Every run's figures are kept in `--output`, so that the same command goes on where it was stopped; `report.md` and
`report.json` hold the tables. On two cores the scores take two hours and a half, the answers an hour and a quarter, the
times an hour. Nothing else may run beside the times.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from answer_folds import FOLDS
from finetune_arguments import make_parser
from finetune_tasks import TASKS

HERE = Path(__file__).resolve().parent
OURS, THEIRS = "ours", "huggingface"
PARTS = ("scores", "lora", "answers", "times")
SIDES = {
    "ours": (OURS, []),
    "huggingface": (THEIRS, ["--batches", "sorted"]),
    "huggingface-random": (THEIRS, ["--batches", "random"]),
}
LORA = ("query", "key", "value", "output", "inner", "outer")
ANSWERS = {OURS: "answer_xquad.py", THEIRS: "answer_huggingface.py"}


def main() -> None:
    options = parse_arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    if "scores" in options.parts:
        for seed in range(options.seeds):
            for task in options.tasks:
                for side in (OURS, THEIRS):
                    train(options, side, task, f"{side}-{task}-{seed}", "--seed", str(seed))
    if "lora" in options.parts:
        for seed in range(options.seeds):
            settings = ["--seed", str(seed), "--lora", "4", "--lora-targets", *LORA, "--learning-rate", "1e-3"]
            train(options, OURS, "sst2", f"lora-sst2-{seed}", *settings)
    if "answers" in options.parts:
        settings = ["--data", str(Path(options.data) / "xquad/xquad.en.json"), "--seed", "0"]
        settings += ["--epochs", "5", "--learning-rate", "3e-4"]
        for fold in range(FOLDS):
            for side, script in ANSWERS.items():
                run(options, f"answers-{side}-{fold}", script, *settings, "--fold", str(fold))
    if "times" in options.parts:
        for task in options.tasks:
            for turn in range(options.rounds):
                for side in SIDES:
                    train(options, side, task, f"time-{side}-{task}-{turn}", "--steps", str(options.timed_steps))
    report(options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--output", type=Path, default=Path("finetune"))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timed-steps", type=int, default=100)
    return parser.parse_args()


def train(options, side: str, task: str, name: str, *arguments: str) -> None:
    script, settings = SIDES[side]
    run(options, name, f"finetune_{script}.py", "--data", options.data, "--task", task, *settings, *arguments)


def run(options, name: str, script: str, *arguments: str) -> None:
    """One process, unless its figures are there."""
    path = options.output / f"{name}.json"
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    command = [sys.executable, str(HERE / script), "--model", options.model, "--output", str(unfinished), *arguments]
    print(f"{name} ...", flush=True)
    with open(options.output / f"{name}.log", "w", encoding="utf-8") as log:
        if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode:
            sys.exit(f"It ended with an error; see {log.name}.")
    unfinished.rename(path)


def report(options) -> None:
    """What is there so far, as a table."""
    rows = [row for task in options.tasks if (row := figures(options, task))]
    lines = []
    if rows:
        lines = ["| data set | score | ours | transformers | steps | ours, s | like lengths, s | random, s | ratio |"]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        scores = [scored(row.get(f"scores_{side}")) for side in (OURS, THEIRS)]
        times = [f"{row[f'seconds_{side}']:.0f}" if f"seconds_{side}" in row else "" for side in SIDES]
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        lines.append(
            " | ".join(["| " + row["task"], row["metric"], *scores, str(row.get("steps", "")), *times, ratio]) + " |"
        )
    gaps = [
        statistics.mean(row[f"scores_{OURS}"]) - statistics.mean(row[f"scores_{THEIRS}"])
        for row in rows
        if complete(row)
    ]
    about = {"hardware": f"{os.cpu_count()} cores, {processor()}", "python": platform.python_version()}
    if gaps:
        about |= {"mean_gap": statistics.mean(gaps), "worst_gap": min(gaps)}
        lines += ["", f"Ours minus theirs: {about['mean_gap']:+.2f} points on average, {min(gaps):+.2f} at worst."]
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(options.output.glob("lora-sst2-*.json"))]
    if found:
        about["lora_sst2"] = [each["score"] for each in found]
        share = found[0]["trained_weights"] / found[0]["weights"]
        lines += ["", f"SST-2 with LoRA ({share:.1%} of the weights trained): {scored(about['lora_sst2'])}."]
    found = [answers(options, side) for side in ANSWERS]
    if all(found):
        about["answers"] = dict(zip(ANSWERS, found, strict=True))
        lines += ["", "| XQuAD, English | F1, ours | transformers | exact match, ours | transformers |"]
        lines += ["|---|---|---|---|---|"]
        for row in found[0]["f1"]:
            values = (f"{each[score][row]:.2f}" for score in ("f1", "exact_match") for each in found)
            lines.append(" | ".join([f"| {row}", *values]) + " |")
    if rows and all("ratio" in row for row in rows):
        totals = [sum(row[f"seconds_{side}"] for row in rows) for side in SIDES]
        about["ratio"] = totals[0] / totals[-1]
        lines += ["", f"All trainings: {', '.join(f'{total:.0f}' for total in totals)} s, ratio {about['ratio']:.2f}."]
    lines += ["", f"{about['hardware']}. Scores are means over seeds (range); ratio: ours to transformers' default."]
    text = "\n".join(lines)
    (options.output / "report.md").write_text(text + "\n", encoding="utf-8")
    (options.output / "report.json").write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(text)


def answers(options, side: str) -> dict[str, dict[str, float]]:
    """The scores of each fold, and those over all questions; nothing before the last fold."""
    files = [options.output / f"answers-{side}-{fold}.json" for fold in range(FOLDS)]
    if not all(file.exists() for file in files):
        return {}
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    questions = sum(each["questions"] for each in found)
    scores = {}
    for score in ("f1", "exact_match"):
        scores[score] = {f"fold {fold}": each[score] for fold, each in enumerate(found)}
        scores[score]["all questions"] = sum(each[score] * each["questions"] for each in found) / questions
    return scores


def figures(options, task: str) -> dict:
    row = {}
    for side in (OURS, THEIRS):
        files = [options.output / f"{side}-{task}-{seed}.json" for seed in range(options.seeds)]
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
        if found:
            row[f"scores_{side}"] = [each["score"] for each in found]
    for side in SIDES:
        files = [options.output / f"time-{side}-{task}-{turn}.json" for turn in range(options.rounds)]
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
        if found:
            row["steps"] = steps_of(options, task)
            medians = [each["median_step"] for each in found]
            # The first step traces the graph; transformers has none such.
            first = statistics.median(each.get("first_step", each["median_step"]) for each in found)
            row[f"median_step_{side}"] = medians
            row[f"seconds_{side}"] = first + (row["steps"] - 1) * statistics.median(medians)
    if all(f"seconds_{side}" in row for side in SIDES):
        row["ratio"] = row["seconds_ours"] / row["seconds_huggingface-random"]
    return {"task": task, "metric": TASKS[task].metric, **row} if row else {}


def steps_of(options, task: str) -> int:
    """The steps of a whole training, by the defaults of finetune_arguments.py."""
    training, _ = TASKS[task].read(Path(options.data) / task)
    recipe = make_parser("")
    return recipe.get_default("epochs") * -(-len(training) // recipe.get_default("batch_size"))


def complete(row) -> bool:
    return all(f"scores_{side}" in row for side in (OURS, THEIRS))


def scored(values) -> str:
    if not values:
        return ""
    return f"{statistics.mean(values):.2f} ({min(values):.1f} to {max(values):.1f})"


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
