"""Texts set word by word with a colour behind each, as a matplotlib figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.figure_style import INK, SOFT, fonts, quiet_glyphs, score_colours
from keras_bert_layers.interpret.page_data import text_data

if TYPE_CHECKING:
    import matplotlib.figure

_SIZE, _LINE, _MARGIN = 11, 21, 12  # points
_DOTS = 4  # a point, where text is measured


def coloured_text_figure(
    attributions: Sequence[Attribution], headings: Sequence[str], width: float
) -> "matplotlib.figure.Figure":
    """Each text under its heading, broken into lines that fit; a legend of the colours below all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    figure = Figure(figsize=(width, 1), facecolor="white")
    properties = FontProperties(family=fonts(), size=_SIZE)
    renderer = FigureCanvasAgg(Figure(dpi=72 * _DOTS)).get_renderer()

    def width_of(text: str) -> float:
        return renderer.get_text_width_height_descent(text, properties, ismath=False)[0] / _DOTS if text else 0.0

    most = max((float(np.abs(found.word_scores).max(initial=0)) for found in attributions), default=0) or 1.0
    colours, placed, y = score_colours(), [], float(_MARGIN)
    with quiet_glyphs():
        for found, heading in zip(attributions, headings, strict=True):
            placed.append((_MARGIN, y, heading, {"size": 8, "color": SOFT}))
            y += 16
            lines = list(_lines(text_data(found), width_of, 72 * width - 2 * _MARGIN, y))
            for x, y, word in lines:
                face = colours(0.5 + 0.5 * float(found.word_scores[word]) / most)
                box = {"boxstyle": "round,pad=0.14", "facecolor": face, "linewidth": 0}
                placed.append((x + _MARGIN, y, found.words[word], {"size": _SIZE, "color": INK, "bbox": box}))
            y += 1.5 * _LINE
    height = y + 20
    figure.set_size_inches(width, height / 72)
    for x, from_top, text, style in placed:
        figure.text(
            x / (72 * width),
            1 - from_top / height,
            text,
            va="top",
            parse_math=False,
            fontfamily=properties.get_family(),
            **style,
        )
    _legend(figure, colours, most, height)
    return figure


def _lines(data, width_of, available, y):
    """x, y and number of every word, in points from the left and from the top."""
    x, before = 0.0, None
    for word, (text, gap, segment) in enumerate(zip(data["words"], data["gaps"], data["word_segments"], strict=True)):
        space = width_of("n n") - width_of("nn") if gap else 1.0
        wide = width_of(text)
        if before is not None and segment != before:
            x, y = 0.0, y + 1.3 * _LINE
        elif x > 0 and x + space + wide > available:
            x, y = 0.0, y + _LINE
        elif x > 0:
            x += space + 1.5
        yield (available - x - wide if data["rtl"][segment] else x), y, word
        x, before = x + wide, segment


def _legend(figure, colours, most, height):
    points = 72 * figure.get_figwidth()
    bar = figure.add_axes((0.5 - 50 / points, 16 / height, 100 / points, 7 / height))
    bar.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colours)
    bar.set_axis_off()
    for x, text, align in (
        (-56, f"against  {-most:.2g}".replace("-", "−"), "right"),
        (56, f"+{most:.2g}  for", "left"),
    ):
        figure.text(0.5 + x / points, 19.5 / height, text, ha=align, va="center", size=8, color=SOFT)
