"""What heads look at: measured on the attention of texts, and drawn model after model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_bert_layers import interpret

if TYPE_CHECKING:
    import matplotlib.figure

HABITS = ("itself", "token before", "token after", "[CLS]", "[SEP]", "same token", "entropy")


def habits_of(seen: Sequence[interpret.Inspection]) -> np.ndarray:
    """float64 [7, L, N]: of every head the mean weight on each of HABITS, over the words of all texts.

    `same token` is what goes to other places of the same token. `entropy` is that of a row over its greatest, ln S.

    Raises:
        ValueError: if the texts have no words.
    """
    sums, count = 0.0, 0
    for each in seen:
        words = np.array([word is not None for word in each.word_ids])
        ids, size = each.token_ids, len(each.tokens)
        special = {name: ~words & (np.array(each.tokens) == each.tokens[place]) for name, place in _SPECIAL.items()}
        targets = np.stack(
            [
                np.eye(size),
                np.eye(size, k=-1),
                np.eye(size, k=1),
                np.tile(special["[CLS]"], (size, 1)),
                np.tile(special["[SEP]"], (size, 1)),
                (ids[:, None] == ids[None]) & ~np.eye(size, dtype=bool),
            ]
        )
        attention = each.attention.astype("float64")
        weights = np.einsum("lnij,hij->hlni", attention, targets)
        entropy = -(attention * np.log(np.maximum(attention, 1e-30))).sum(-1) / np.log(max(size, 2))
        sums = sums + np.concatenate([weights, entropy[None]])[..., words].sum(-1)
        count += words.sum()
    if not count:
        raise ValueError("The texts have no words that these models know.")
    return sums / count


_SPECIAL = {"[CLS]": 0, "[SEP]": -1}  # by their places: vocabularies name them differently


def draw_habits(values: np.ndarray, names: Sequence[str]) -> "matplotlib.figure.Figure":
    """A panel for each habit: a line for each head over the models, its colour that of its layer.

    Args:
        values: float [M, 7, L, N].
        names: of the M models.
    """
    import matplotlib
    from matplotlib.figure import Figure

    layers = values.shape[2]
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, layers))
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    panels = figure.subplots(2, 4).ravel()
    places = range(len(names))
    for panel, habit, lines in zip(panels, HABITS, np.moveaxis(values, 1, 0), strict=False):
        for layer in range(layers):
            panel.plot(places, lines[:, layer], color=colours[layer], linewidth=1.1, alpha=0.85, marker=_marker(names))
        panel.set_title(habit, size=10, loc="left")
        panel.set_ylim(0, 1.02 if habit == "entropy" else max(0.1, 1.05 * lines.max()))
        shown = sorted({round(each) for each in np.linspace(0, len(names) - 1, min(len(names), 5))})
        panel.set_xticks(shown, [names[place] for place in shown], size=8)
        panel.tick_params(length=0, labelsize=8)
        panel.grid(axis="y", color="#e4e2dd", linewidth=0.6)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.spines["bottom"].set_color("#9aa5b1")
    legend = panels[-1]
    legend.set_axis_off()
    for layer in range(layers):
        legend.plot([], [], color=colours[layer], label=f"layer {layer}")
    legend.legend(frameon=False, loc="center left", fontsize=9, ncols=1 + layers // 8)
    figure.suptitle(
        "What the heads look at: mean weight, and entropy as a share of the greatest", size=11, x=0.01, ha="left"
    )
    return figure


def _marker(names):
    return "o" if len(names) == 1 else None
