"""What the figures have in common: fonts that know the text's letters, and the colours of the page."""

import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import matplotlib.colors
    import matplotlib.figure

# Beside matplotlib's own font, which has no Chinese, Japanese or Korean letters: those of systems that have them.
_WIDE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "SimHei",
)
INK, SOFT, LINE, ACCENT = "#22242a", "#666a73", "#dfddd8", "#2f6db5"
POSITIVE, NEGATIVE = "#689de0", "#f09452"


def new_figure(width: float, height: float) -> "matplotlib.figure.Figure":
    """An empty figure of so many inches that belongs to no window: neither backend nor settings are touched."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def fonts() -> list[str]:
    """Names of fonts that are installed, each for the letters that those before it lack."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _WIDE_FONTS if name in installed)]


def with_fonts(figure: "matplotlib.figure.Figure") -> "matplotlib.figure.Figure":
    """The figure, all of its text in these fonts, a $ being a $."""
    from matplotlib.text import Text

    names = fonts()
    for text in figure.findobj(Text):
        text.set_fontfamily(names)
        text.set_parse_math(False)
    return figure


def quiet_glyphs() -> AbstractContextManager:
    """While text is measured: a letter that no font has is drawn as a box, and nothing is said of it."""
    return warnings.catch_warnings(action="ignore")


def weight_colours() -> "matplotlib.colors.Colormap":
    """White to dark blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", ["#ffffff", "#d6e4f3", "#80afdd", "#2f6db5", "#0d2b5e"])


def score_colours() -> "matplotlib.colors.Colormap":
    """Orange against, white for nothing, blue for; dark letters can be read on all of them."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("scores", [NEGATIVE, "#ffffff", POSITIVE])


def weight_scale(weights: np.ndarray) -> np.ndarray:
    """The weight [...] of maps [..., S, S] that gets the last colour: the greatest, or three times an even share."""
    return np.clip(weights.max((-2, -1)), 3 / weights.shape[-1], 1)


def bare(axes) -> None:
    """Takes frame and tick marks away."""
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
