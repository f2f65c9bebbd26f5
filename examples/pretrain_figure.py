"""The picture of a pretraining run: loss, accuracy and speed, against steps and against time."""

from pathlib import Path

TRAINING, HELD_OUT, SPEED = "#9aa5b1", "#1f6feb", "#2da44e"


def draw(path: Path, rows: list[dict], phase_ends: list[int]) -> Path:
    """Six panels: above against steps, with the ends of phases as dotted lines, below against the time of the run.

    Args:
        path: of the PNG to write.
        rows: of `TrainingProgress`.
        phase_ends: the steps at which a phase ends and another begins.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter

    longest = max((row["seconds"] for row in rows), default=0.0)
    unit, size = ("hours", 3600) if longest > 7200 else ("minutes", 60) if longest > 120 else ("seconds", 1)
    figure, grid = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    for panels, x, label in zip(grid, (_steps, lambda row: row["seconds"] / size), ("step", unit), strict=True):
        loss, accuracy, speed = panels
        _curves(loss, rows, x, ("masked_lm_loss", "loss"))
        loss.set(title="Masked-LM loss", ylabel="cross-entropy in nats")
        _curves(accuracy, rows, x, ("masked_lm_accuracy", "accuracy"))
        pairs = [row for row in rows if "val_next_sentence_accuracy" in row]
        if pairs:
            values = [row["val_next_sentence_accuracy"] for row in pairs]
            accuracy.plot([x(row) for row in pairs], values, color="#d9822b", label="held out, sentence pairs")
        accuracy.set(title="Accuracy", ylim=(0, 1))
        accuracy.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
        timed = [row for row in rows if "tokens_per_second" in row]
        speed.plot([x(row) for row in timed], [row["tokens_per_second"] for row in timed], color=SPEED)
        speed.set(title="Real tokens per second")
        speed.set_ylim(bottom=0)
        speed.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
        for panel in panels:
            panel.set_xlabel(label)
            panel.spines[["top", "right"]].set_visible(False)
            for end in phase_ends if label == "step" else ():
                panel.axvline(end, color="#57606a", linestyle=":", linewidth=1)
        for panel in (loss, accuracy):
            panel.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _steps(row: dict) -> int:
    return row["step"]


def _curves(panel, rows, x, names):
    """Training and held-out values of the first name that the rows have."""
    name = next((name for name in names if any(name in row for row in rows)), names[0])
    shown = [row for row in rows if name in row]
    panel.plot([x(row) for row in shown], [row[name] for row in shown], color=TRAINING, label="training")
    held_out = [row for row in rows if f"val_{name}" in row]
    if held_out:
        values = [row[f"val_{name}"] for row in held_out]
        panel.plot([x(row) for row in held_out], values, color=HELD_OUT, marker=".", label="held out")
