"""What probes read from each layer, as a matplotlib figure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keras_bert_layers.interpret.figure_style import ACCENT, INK, LINE, SOFT, new_figure, with_fonts
from keras_bert_layers.interpret.probe_layers import Probes

if TYPE_CHECKING:
    import matplotlib.figure

_COLOURS = (ACCENT, "#d9661f", "#5b8c5a", "#8a5fa8", "#a08339", "#3d9aa1")


def probes_figure(
    probes: Probes | Mapping[str, Probes], *, title: str = "Accuracy of linear probes"
) -> "matplotlib.figure.Figure":
    """The accuracy of the probe of each layer; dashed that of the control task, dotted the most frequent class.

    Args:
        probes: of `probe_layers`, or several by name: tasks or models to compare.
        title: of the figure.

    Returns:
        A matplotlib Figure.

    Raises:
        ValueError: if there are none, or more than can be told apart.

    Example:
        >>> import numpy as np
        >>> probes = Probes(np.array([0.5, 0.9]), np.array([0.5, 0.6]), majority=0.5)
        >>> figure = probes_figure({"part of speech": probes})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['part of speech', 'control task', 'most frequent class']
    """
    named = {"accuracy": probes} if isinstance(probes, Probes) else dict(probes)
    if not 1 <= len(named) <= len(_COLOURS):
        raise ValueError(f"Expected Probes, or from 1 to {len(_COLOURS)} of them by name. Received: {len(named)}.")
    figure = new_figure(5.6, 3.4)
    axes = figure.add_subplot()
    for (name, each), colour in zip(named.items(), _COLOURS, strict=False):
        layers = range(len(each.accuracy))
        axes.plot(layers, each.accuracy, color=colour, marker="o", markersize=4, linewidth=1.6, label=name)
        axes.plot(layers, each.control, color=colour, linestyle="--", linewidth=1)
        axes.axhline(each.majority, color=colour, linestyle=":", linewidth=1)
    # What kind of line means what is said once, in grey.
    axes.plot([], [], color=SOFT, linestyle="--", linewidth=1, label="control task")
    axes.plot([], [], color=SOFT, linestyle=":", linewidth=1, label="most frequent class")
    longest = max(len(each.accuracy) for each in named.values())
    axes.set_xticks(range(longest), ["embeddings", *map(str, range(longest - 1))], size=8)
    axes.set_xlabel("layer", size=9, color=SOFT)
    axes.tick_params(length=0, labelsize=8)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, size=10, loc="left", color=INK)
    return with_fonts(figure)
