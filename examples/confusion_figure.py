"""Pictures of a classifier's errors: which labels are taken for which; of a regression, how far values are off."""

import warnings
from pathlib import Path

import numpy as np

CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC")
# With more labels than this, numbers would not fit into the cells.
WITH_NUMBERS = 25
MOST_LABELS = 60


def draw_confusion(path: Path, counts: np.ndarray, names: list[str], title: str) -> None:
    """A heat map: colours are shares of a row, so that rare labels are seen as well; the numbers are examples.

    Args:
        path: of the PNG to write.
        counts: int [C, C], a row for each true label, a column for each predicted one.
        names: str [C].
        title: of the picture.
    """
    counts, names = _most_frequent(counts, names)
    count = len(names)
    names = [name if len(name) <= 32 else f"{name[:31]}…" for name in names]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    pyplot, fonts = _pyplot()
    cell = 0.62 if count <= 12 else 0.42 if count <= WITH_NUMBERS else 0.24
    size = 9 if count <= WITH_NUMBERS else 7
    with pyplot.rc_context({"font.family": fonts}), warnings.catch_warnings(action="ignore"):  # glyphs no font has
        side = max(3.2, cell * count)
        figure, axes = pyplot.subplots(figsize=(side + 1.2, side))
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(
            range(count), names, size=size, rotation=0 if _fits(names, side / count) else 90, parse_math=False
        )
        axes.set_yticks(range(count), names, size=size, parse_math=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(title, size=11, loc="left")
        if count <= WITH_NUMBERS:
            for row, column in np.argwhere(counts):
                colour = "white" if shares[row, column] > 0.55 else "#24292f"
                text = f"{counts[row, column]:,}"
                axes.text(column, row, text, ha="center", va="center", size=8 if count <= 12 else 6.5, color=colour)
        else:
            axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
            axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
            axes.grid(which="minor", color="#eaeef2", linewidth=0.4)
            axes.tick_params(which="minor", length=0)
        bar = figure.colorbar(picture, label="share of the true label", shrink=min(1, 4 / side), pad=0.03)
        bar.outline.set_visible(False)
        figure.savefig(path, dpi=130, bbox_inches="tight")
        pyplot.close(figure)


def draw_label_scores(path: Path, expected: np.ndarray, predicted: np.ndarray, names: list[str], title: str) -> None:
    """For examples with several labels: of each label, how many were found, missed, and said wrongly.

    Args:
        path: of the PNG to write.
        expected, predicted: 0 or 1, [N, C].
        names: str [C].
        title: of the picture.
    """
    expected, predicted = expected > 0.5, predicted > 0.5
    order = np.argsort(-expected.sum(axis=0), kind="stable")[:MOST_LABELS][::-1]
    found, missed, wrong = (
        part.sum(axis=0)[order] for part in (expected & predicted, expected & ~predicted, ~expected & predicted)
    )
    pyplot, fonts = _pyplot()
    with pyplot.rc_context({"font.family": fonts}), warnings.catch_warnings(action="ignore"):
        figure, axes = pyplot.subplots(figsize=(7, 1.4 + 0.26 * len(order)), layout="constrained")
        places = range(len(order))
        axes.barh(places, found, color="#1f6feb", label="found")
        axes.barh(places, missed, left=found, color="#c9d7ea", label="missed")
        axes.barh(places, -wrong, color="#d9822b", label="said wrongly")
        axes.axvline(0, color="#24292f", linewidth=0.8)
        axes.set_yticks(places, [names[number] for number in order], size=8, parse_math=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel="examples", ylim=(-0.6, len(order) - 0.4))
        axes.set_title(title, size=11, loc="left")
        axes.legend(frameon=False, loc="lower right")
        figure.savefig(path, dpi=130)
        pyplot.close(figure)


def draw_scatter(path: Path, expected: np.ndarray, predicted: np.ndarray, name: str, title: str) -> None:
    """A point for each example, and the line on which a prediction is right.

    Args:
        path: of the PNG to write.
        expected, predicted: float [N].
        name: of the values.
        title: of the picture.
    """
    pyplot, fonts = _pyplot()
    with pyplot.rc_context({"font.family": fonts}):
        figure, axes = pyplot.subplots(figsize=(5, 5), layout="constrained")
        both = np.concatenate([expected, predicted])
        margin = 0.04 * (np.ptp(both) or 1)
        limits = (both.min() - margin, both.max() + margin)
        axes.plot(limits, limits, color="#9aa5b1", linewidth=1)
        alpha = float(np.clip(300 / len(expected), 0.12, 0.9))
        axes.scatter(expected, predicted, s=14, color="#1f6feb", alpha=alpha, linewidths=0)
        axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}", xlim=limits, ylim=limits, aspect="equal")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(title, size=11, loc="left")
        figure.savefig(path, dpi=130)
        pyplot.close(figure)


def _most_frequent(counts, names):
    """The labels with the most examples, in their order, and one for all others, if there are too many to be read."""
    if len(names) <= MOST_LABELS:
        return counts, list(names)
    kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: MOST_LABELS - 1])
    group = np.full(len(names), len(kept))
    group[kept] = np.arange(len(kept))
    merged = np.zeros((len(kept) + 1,) * 2, counts.dtype)
    np.add.at(merged, (group[:, None], group[None, :]), counts)
    return merged, [*(names[number] for number in kept), f"{len(names) - len(kept)} others"]


def _fits(names, width) -> bool:
    """Whether names stand side by side in columns of so many inches."""
    inches_a_letter = 0.085
    return max(map(len, names)) * inches_a_letter < width


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot

    return pyplot, ["DejaVu Sans", *(font for font in CHINESE_FONTS if font in font_manager.get_font_names())]
