"""The report of the comparison of speed: what was measured, beside the goals, as Markdown and JSON.

    python examples/benchmarks/speed_report.py --output speed
    python examples/benchmarks/speed_report.py --output speed --fill docs/performance.md

The first reads the figures in `--output` again and writes `report.md` and `report.json` there. With `--fill` the
Markdown also takes the place of what stands between the two markers of a page.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

import speed_machine
from speed_goals import LOWER_IS_BETTER, Measured, compare
from speed_plan import SIDES, WORKLOADS

BEGIN, END = "<!-- figures of speed.py: begin -->", "<!-- figures of speed.py: end -->"
# metric -> its heading and how it is written, in the order of the columns.
METRICS = {
    "seconds": ("s", "{:.3g}"),
    "p50": ("p50, ms", "{:.1f}"),
    "p99": ("p99, ms", "{:.1f}"),
    "tokens_per_second": ("real tokens/s", "{:,.0f}"),
    "bound_share": ("share of the bound", "{:.2f}"),
    "fill": ("fill", "{:.2f}"),
    "megabytes_per_second": ("MB/s", "{:.2f}"),
    "texts_per_second": ("texts/s", "{:,.0f}"),
    "megabytes": ("MB over imports", "{:,.0f}"),
    "megabytes_with_imports": ("MB with imports", "{:,.0f}"),
}
# Whose figures are different ways to do the same: all are compared with the first of ours, the best.
BEST_FORM = ("texts", "pretrain")
NOTES = {
    "dense": "ids in, seconds of a forward pass.",
    "texts": "seconds for all texts, tokenization included. *given order*: batches as the texts come, padded to their "
    "longest; *sorted*: batches of like length; *Predictor*: ours, sorted, by tokens a batch; *fixed length*: padded "
    "to 128, or to 512 if a text is longer. The bound is the time of the encoder's matrix products alone, on real "
    "tokens, in the last block on what a classifier reads of it.",
    "finetune": "seconds of a step, dropout 0.1, AdamW, gradients clipped.",
    "pretrain": "real tokens a second; *fill* is the share of positions that hold a token.",
    "latency": "tokenization included.",
    "tokenize": "one thread.",
    "memory": "the peak of resident memory.",
    "growth": "batch x length.",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=Path("speed"), help="what speed.py wrote")
    parser.add_argument("--fill", type=Path, metavar="PAGE", help="Markdown file with the markers")
    options = parser.parse_args()
    if not (options.output / "machine.json").exists():
        parser.error(f"{options.output} holds no figures: run speed.py --output {options.output} first")
    text = write_report(options.output)
    if options.fill:
        fill(options.fill, text)
    print(text)
    return 0


def write_report(output: Path, absent: dict[str, str] | None = None) -> str:
    """Writes `report.md` and `report.json` from the figures that are there; gives the Markdown.

    Args:
        output: the folder.
        absent: side -> why it did not take part; defaults to what was said when the report was written before.
    """
    path = output / "report.json"
    before = json.loads(path.read_text(encoding="utf-8"))["absent"] if path.exists() else {}
    measured, devices = read(output)
    there = {side for sides in measured.values() for side in sides}
    absent = {side: why for side, why in {**before, **(absent or {})}.items() if side not in there}
    machine = json.loads((output / "machine.json").read_text(encoding="utf-8"))
    goals = compare(measured)
    report = {"machine": machine, "devices": sorted(devices), "absent": absent, "goals": goals, "workloads": measured}
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    lines = speed_machine.lines(machine)
    lines += [f"- device: {', '.join(sorted(devices)) or 'nothing was measured yet'}"]
    lines += [f"- {side}: {why}" for side, why in absent.items()]
    lines += ["", "Medians over rounds, with the range in brackets.", "", *goal_table(goals)]
    for key in sorted(measured, key=lambda key: (list(WORKLOADS).index(key.split("-")[0]), key)):
        lines += ["", *workload_table(key, measured[key])]
    text = "\n".join(lines)
    (output / "report.md").write_text(f"# Speed\n\n{text}\n", encoding="utf-8")
    return text


def read(output: Path) -> tuple[Measured, set[str]]:
    """The figures of all runs, and the devices they ran on."""
    measured, devices = {}, set()
    for file in sorted((output / "figures").glob("*.*.*.json")):
        key, side, _ = file.stem.split(".")
        report = json.loads(file.read_text(encoding="utf-8"))
        devices.add(report["device"])
        for figure, metrics in report["figures"].items():
            for metric, value in metrics.items():
                rounds = measured.setdefault(key, {}).setdefault(side, {}).setdefault(figure, {})
                rounds.setdefault(metric, []).append(value)
    return measured, devices


def goal_table(goals: list[dict]) -> list[str]:
    lines = ["| goal | of | aimed at | found | reached |", "|---|---|---|---|---|"]
    for goal in (goal for goal in goals if goal["rounds"]):
        bound = goal.get("at_least", goal.get("at_most"))
        form = "{:,.0f}" if bound > 1000 else "{:.3g}"
        aim = f"{'≥' if 'at_least' in goal else '≤'} {form.format(bound)}"
        found = shown(goal["rounds"], form)
        reached = "yes" if goal["reached"] else "**no**"
        lines.append(f"| {goal['name']} | {goal['key']} | {aim} | {found} | {reached} |")
    missing = [f"{goal['name']} ({goal['key']})" for goal in goals if not goal["rounds"]]
    return [*lines, *(["", f"Not measured: {'; '.join(missing)}."] if missing else [])]


def workload_table(key: str, sides: dict) -> list[str]:
    """A workload's figures, and how many times better than each ours is in float32, at the same or in its best form."""
    workload = key.split("-")[0]
    used = {metric for figures in sides.values() for metrics in figures.values() for metric in metrics}
    columns = [metric for metric in METRICS if metric in used]
    order = [side for side in SIDES if side in sides]
    ratios = len(order) > 1 and "ours-float32" in sides
    heads = [
        "peer",
        "figure",
        *(METRICS[metric][0] for metric in columns),
        *(["ours float32 better by"] if ratios else []),
    ]
    title = f"## {WORKLOADS[workload].title}: {key}"
    lines = [title, "", *([NOTES[workload][0].upper() + NOTES[workload][1:], ""] if workload in NOTES else [])]
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for side in order:
        for figure, metrics in sides[side].items():
            cells = [side, figure, *(shown(metrics.get(metric, []), METRICS[metric][1]) for metric in columns)]
            own = None if workload in BEST_FORM else sides["ours-float32"].get(figure)
            cells += [ratio(own or next(iter(sides["ours-float32"].values())), metrics)] if ratios else []
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def ratio(ours: dict, theirs: dict) -> str:
    """How many times better ours is, by the real tokens a second, or else by the first metric that both have."""
    metric = next((metric for metric in ("tokens_per_second", *METRICS) if metric in theirs and metric in ours), None)
    if metric is None:
        return ""
    own, other = (statistics.median(metrics[metric]) for metrics in (ours, theirs))
    return f"{(other / own if metric in LOWER_IS_BETTER else own / other):.2f}"


def shown(values: list[float], form: str) -> str:
    if not values:
        return ""
    median = form.format(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({form.format(min(values))} to {form.format(max(values))})"


def fill(page: Path, text: str) -> None:
    """Puts the Markdown between the markers of a page, its headings one level deeper."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page} has no place for the figures. It needs the lines {BEGIN} and {END}.")
    page.write_text(f"{before}{BEGIN}\n{text.replace('## ', '### ')}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
