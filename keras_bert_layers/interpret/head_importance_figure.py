"""What each head is worth, as a matplotlib figure."""

from typing import TYPE_CHECKING

import numpy as np

from keras_bert_layers.interpret.figure_style import (
    INK,
    SOFT,
    bare,
    new_figure,
    score_colours,
    weight_colours,
    with_fonts,
)

if TYPE_CHECKING:
    import matplotlib.figure


def head_importance_figure(
    importance: np.ndarray, *, title: str = "Importance of heads", numbers: bool | None = None
) -> "matplotlib.figure.Figure":
    """A square for each head, a row for each layer; with values on both sides of 0, blue is above and orange below.

    Args:
        importance: float [L, N] of `head_importance` or `head_ablation`; a head that is NaN is left out.
        title: of the figure.
        numbers: bool. Whether the value stands in its square. Defaults to `None`: if there are no more than 16 heads in
            a layer.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: if `importance` is of another shape.

    Example:
        >>> figure = head_importance_figure(np.array([[0.1, 0.9], [0.4, np.nan]]))
        >>> sorted(text.get_text() for text in figure.axes[0].texts)
        ['0.10', '0.40', '0.90']
    """
    importance = np.asarray(importance, "float64")
    if importance.ndim != 2 or np.isnan(importance).all():
        raise ValueError(f"`importance` must be numbers of shape [layers, heads]. Received: {importance!r}.")
    layers, heads = importance.shape
    signed = np.nanmin(importance) < 0
    most = np.nanmax(np.abs(importance)) or 1.0
    figure = new_figure(0.5 * heads + 1.7, 0.42 * layers + 1.0)
    axes = figure.add_subplot()
    colours = score_colours() if signed else weight_colours()
    picture = axes.imshow(importance, cmap=colours, vmin=-most if signed else 0, vmax=most, aspect="auto")
    axes.set_xticks(range(heads), range(heads), size=8)
    axes.set_yticks(range(layers), range(layers), size=8)
    axes.set_xlabel("head", size=9, color=SOFT)
    axes.set_ylabel("layer", size=9, color=SOFT)
    bare(axes)
    if heads <= 16 if numbers is None else numbers:
        digits = int(np.clip(1 - np.floor(np.log10(most)), 1, 4))
        for layer, head in np.argwhere(~np.isnan(importance)):
            value = importance[layer, head]
            dark = not signed and value > 0.55 * most
            text = f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
            axes.text(head, layer, text, ha="center", va="center", size=7, color="white" if dark else INK)
    bar = figure.colorbar(picture, shrink=0.8, aspect=25, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    axes.set_title(title, size=10, loc="left", color=INK)
    return with_fonts(figure)
