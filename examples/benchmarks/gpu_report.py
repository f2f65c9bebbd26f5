"""The report of the measurements on a GPU: what was measured, beside the goals, as Markdown and JSON."""

import json
import statistics
from pathlib import Path

import speed_machine
from gpu_goals import Measured, compare
from gpu_plan import SIDES, WORKLOADS

# Dense TFLOP/s in bfloat16, as the data sheets give them. `training/flops.py` has more, but needs TensorFlow.
PEAKS = {"H100": 989, "H200": 989, "GH200": 989, "A100": 312}
LESSER = ("PCIe", "NVL")
# metric -> its heading and how it is written, in the order of the columns.
METRICS = {
    "seconds": ("s a step", "{:.4f}"),
    "spread": ("spread", "{:.1%}"),
    "sequences_per_second": ("sequences/s", "{:,.1f}"),
    "tokens_per_second": ("real tokens/s", "{:,.0f}"),
    "share_of_peak": ("MFU", "{:.1%}"),
    "fill": ("fill", "{:.2f}"),
    "peak_gib": ("peak GiB", "{:.1f}"),
    "loss": ("loss", "{:.4f}"),
    "error": ("relative error", "{:.1e}"),
    "error_not_fused": ("of separate operations", "{:.1e}"),
    "finite": ("all finite", "{:.0f}"),
    "fused": ("fused", "{:.0f}"),
    "ratio": ("time to no strategy", "{:.3f}"),
    "loss_gap": ("gap of losses", "{:.1e}"),
    "milliseconds_of_operations": ("ms of all operations", "{:.2f}"),
}

NOTE = (
    "Medians over rounds, with the range in brackets; *spread* is the range over the blocks of one run, as a share of "
    "their median. MFU counts the operations that real tokens need."
)


def write_report(output: Path, absent: dict[str, str], unmeasured: list[str]) -> str:
    """Writes `report.md` and `report.json` from the figures that are there; gives the Markdown.

    Args:
        output: the folder.
        absent: side -> why it did not take part.
        unmeasured: names of runs for which there was no time, or that failed.
    """
    measured, devices, rows = read(output)
    goals = compare(measured)
    machine = json.loads((output / "machine.json").read_text(encoding="utf-8"))
    report = {"machine": machine, "devices": devices, "absent": absent, "unmeasured": unmeasured, "goals": goals}
    (output / "report.json").write_text(
        json.dumps({**report, "workloads": measured, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    lines = [
        f"- measured on {', '.join(devices) or 'nothing yet'}; GPUs and driver: {', '.join(machine['gpus']) or 'none'}"
    ]
    lines += speed_machine.lines(machine)
    lines += [f"- {side}: {why}" for side, why in absent.items()]
    if unmeasured:
        lines += [f"- not measured yet: {', '.join(unmeasured)}; the same command goes on with these"]
    lines += ["", NOTE, "", *goal_table(goals)]
    for key in sorted(measured, key=lambda key: (list(WORKLOADS).index(key.rpartition("-")[0]), key)):
        lines += ["", *workload_table(key, measured[key]), *row_table(rows.get(key, []))]
    text = "\n".join(lines)
    (output / "report.md").write_text(f"# Speed on a GPU\n\n{text}\n", encoding="utf-8")
    return text


def read(output: Path) -> tuple[Measured, list[str], dict[str, list[dict]]]:
    """The figures of all runs, the devices they ran on, and the tables that runs have."""
    measured, devices, rows = {}, set(), {}
    for file in sorted((output / "figures").glob("*.*.*.json")):
        key, side, _ = file.stem.split(".")
        report = json.loads(file.read_text(encoding="utf-8"))
        devices.add(report["device"])
        if "rows" in report:
            rows[key] = report["rows"]
        for figure, metrics in report["figures"].items():
            peak = peak_flops(report["device"])
            operations = metrics.pop("flops_per_second", 0)
            metrics |= {"share_of_peak": operations / peak} if operations and peak else {}
            for metric, value in metrics.items():
                found = measured.setdefault(key, {}).setdefault(side, {}).setdefault(figure, {})
                found.setdefault(metric, []).append(value)
    return measured, sorted(devices), rows


def peak_flops(device: str) -> float | None:
    """The operations per second of a GPU by its name, in bfloat16; None if it is not known."""
    words = device.replace("-", " ").split()
    known = [] if set(LESSER) & set(words) and "A100" not in words else [PEAKS[word] for word in words if word in PEAKS]
    return 1e12 * known[0] if known else None


def goal_table(goals: list[dict]) -> list[str]:
    lines = ["| goal | of | aimed at | found | reached |", "|---|---|---|---|---|"]
    for goal in (goal for goal in goals if goal["rounds"]):
        aim = f"≥ {goal['at_least']:g}" if "at_least" in goal else f"≤ {goal['at_most']:g}"
        reached = {True: "yes", False: "**no**"}.get(goal.get("reached"), "")
        lines.append(f"| {goal['name']} | {goal['key']} | {aim} | {shown(goal['rounds'], '{:.3g}')} | {reached} |")
    missing = [f"{goal['name']} ({goal['key']})" for goal in goals if not goal["rounds"]]
    return [*lines, "", f"Goals that were not measured: {', '.join(missing)}."] if missing else lines


def workload_table(key: str, sides: dict) -> list[str]:
    used = {metric for figures in sides.values() for metrics in figures.values() for metric in metrics}
    columns = [metric for metric in METRICS if metric in used]
    heads = ["side", "figure", *(METRICS[metric][0] for metric in columns)]
    workload, _, model = key.rpartition("-")
    lines = [f"## {WORKLOADS[workload].title}: {model}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for side in (side for side in SIDES if side in sides):
        for figure, metrics in sides[side].items():
            cells = [side, figure, *(shown(metrics.get(metric, []), METRICS[metric][1]) for metric in columns)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def row_table(rows: list[dict]) -> list[str]:
    """The table of a run: cases of attention, or operations."""
    if not rows:
        return []
    cells = [[f"{value:.2g}" if isinstance(value, float) else f"{value}" for value in row.values()] for row in rows]
    heads = [name.replace("_", " ") for name in rows[0]]
    # An operation's name may be long, and hold what divides columns.
    lines = [" | ".join(cell.replace("|", "/")[:80] for cell in row) for row in cells]
    return ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *(f"| {line} |" for line in lines)]


def shown(values: list[float], form: str) -> str:
    if not values:
        return ""
    median = form.format(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({form.format(min(values))} to {form.format(max(values))})"
