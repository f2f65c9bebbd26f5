"""Pictures of sentence vectors: which are alike, and how their cosines go with what people say."""

import warnings
from pathlib import Path

import numpy as np

CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC")


def draw_similarities(path: Path, texts: list[str], vectors: np.ndarray) -> None:
    """A heat map of the cosines of all pairs; the colours span what is off the diagonal."""
    pyplot, settings = _pyplot()
    count = len(texts)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, np.nan)  # always 1, and it would take the colours from the rest
    labels = [text if len(text) <= 60 else f"{text[:59]}…" for text in texts]
    with settings, warnings.catch_warnings(action="ignore"):  # a glyph that no font has; a mean of nothing
        middle = np.nanmin(cosines) / 2 + np.nanmax(cosines) / 2
        side = 1 + 0.34 * count
        figure, axes = pyplot.subplots(figsize=(side + 1, side))
        axes.set_facecolor("#eaeef2")
        picture = axes.imshow(cosines, cmap="Blues")
        named = [f"{label}  {number}" for number, label in enumerate(labels, start=1)]
        axes.set_yticks(range(count), named, parse_math=False)
        axes.set_xticks(range(count), range(1, count + 1))
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for row, column in np.argwhere(np.isfinite(cosines) & (count <= 12)):
            colour = "white" if cosines[row, column] > middle else "#24292f"
            axes.text(column, row, f"{cosines[row, column]:.2f}", ha="center", va="center", size=7, color=colour)
        figure.colorbar(picture, label="cosine", shrink=0.8)
        figure.savefig(path, dpi=120, bbox_inches="tight")
        pyplot.close(figure)


def draw_cosines(path: Path, scores: np.ndarray, cosines: np.ndarray, title: str) -> None:
    """A point for each scored pair: its score, and the cosine of its vectors."""
    pyplot, settings = _pyplot()
    with settings:
        figure, axes = pyplot.subplots(figsize=(5.5, 4), layout="constrained")
        alpha = float(np.clip(300 / len(scores), 0.12, 0.9))
        axes.scatter(scores, cosines, s=14, color="#1f6feb", alpha=alpha, linewidths=0)
        axes.set(xlabel="score", ylabel="cosine")
        axes.grid(color="#eaeef2")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(title, size=10, loc="left", parse_math=False)
        figure.savefig(path, dpi=130)
        pyplot.close(figure)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager, pyplot

    fonts = ["DejaVu Sans", *set(CHINESE_FONTS).intersection(font_manager.get_font_names())]
    return pyplot, pyplot.rc_context({"font.family": fonts})
