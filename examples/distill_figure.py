"""The picture of a distillation: how the student came near its teacher, and what it costs to ask each."""

from pathlib import Path


def draw(path: Path, results: dict) -> Path:
    """Two panels: the student's score by epoch beside the teacher's, and the score against the time for a text.

    Args:
        path: of the PNG to write.
        results: as in `results.json`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    metric, teacher, student = results["metric"], results["teacher"], results["student"]
    name = metric.replace("_", " ")
    figure, (curve, cost) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = [0, *(row["epoch"] for row in results["epochs"])]
    scores = [results["untrained"][metric], *(row[f"val_{metric}"] for row in results["epochs"])]
    curve.plot(epochs, scores, "o-", color="#1f6feb", label=f"student, {student['layers']} layers")
    curve.axhline(teacher[metric], color="#57606a", linestyle=":", label=f"teacher, {teacher['layers']} layers")
    curve.set(title="Learning from the teacher", xlabel="epoch (0: its blocks, not trained)", ylabel=name)
    curve.set_xticks(epochs)
    curve.legend(frameon=False)
    for each, label, color in ((teacher, "teacher", "#57606a"), (student, "student", "#1f6feb")):
        cost.plot(each["milliseconds"], each[metric], "o", color=color, markersize=9)
        note = f"{label}\n{each['weights'] / 1e6:.1f} M weights"
        cost.annotate(
            note, (each["milliseconds"], each[metric]), (0, -12), textcoords="offset points", ha="center", va="top"
        )
    low, high = sorted((teacher[metric], student[metric]))
    margin = max(high - low, 0.01)
    cost.set(title="What an answer costs", xlabel="milliseconds for a text", ylabel=name)
    cost.set(xlim=(0, 1.3 * teacher["milliseconds"]), ylim=(low - 1.5 * margin, high + margin))
    for panel in (curve, cost):
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path
