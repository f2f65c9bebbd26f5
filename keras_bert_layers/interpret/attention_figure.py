"""Maps of attention as a matplotlib figure."""

from typing import TYPE_CHECKING

import numpy as np

from keras_bert_layers.interpret.figure_style import (
    INK,
    SOFT,
    bare,
    new_figure,
    weight_colours,
    weight_scale,
    with_fonts,
)
from keras_bert_layers.interpret.inspection import Inspection
from keras_bert_layers.interpret.page_data import token_labels

if TYPE_CHECKING:
    import matplotlib.figure


def attention_figure(
    inspection: Inspection, layer: int | None = None, head: int | None = None, *, title: str | None = None
) -> "matplotlib.figure.Figure":
    """The maps of all heads side by side, or one of them large with its tokens: rows read from columns.

    Colours go with the square root of the weight, so that small ones are seen; in the overview each map has its own
    range. Letters are taken from an installed font that has them, Chinese ones included.

    Args:
        inspection: of `inspect`.
        layer: int. Defaults to `None`: all layers, a row for each.
        head: int, one of `layer`. Defaults to `None`: the mean over the heads of `layer`.
        title: of the figure. Defaults to `None`: what is shown.

    Returns:
        A matplotlib Figure: `figure.savefig("attention.png", dpi=150)`.

    Raises:
        ValueError: if there is no such layer or head, or a head is asked for without its layer.

    Example:
        >>> from keras_bert_layers import interpret, models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> [found] = interpret.inspect(models.bert_encoder(config), preprocessor, ["Hi"])
        >>> figure = attention_figure(found, layer=1, head=0)
        >>> figure.axes[0].get_title(loc="left")
        'Layer 1, head 0'
    """
    layers, heads = inspection.attention.shape[:2]
    _check("layer", layer, layers)
    _check("head", head, heads)
    if layer is None:
        if head is not None:
            raise ValueError(f"Head {head} of which layer? Pass `layer` too, from 0 to {layers - 1}.")
        return _overview(inspection.attention, title or "Attention of every layer and head")
    if head is None:
        return _large(inspection, inspection.attention[layer].mean(0), title or f"Layer {layer}, mean of heads")
    return _large(inspection, inspection.attention[layer, head], title or f"Layer {layer}, head {head}")


def _overview(attention, title):
    from matplotlib.patches import Rectangle

    layers, heads, size, _ = attention.shape
    scaled = np.sqrt(attention / weight_scale(attention)[..., None, None])
    # One picture with gaps: a hundred small axes take seconds to lay out.
    gap = max(1, round(0.08 * size))
    step = size + gap
    mosaic = np.full((layers * step - gap, heads * step - gap), np.nan)
    for layer in range(layers):
        for head in range(heads):
            mosaic[layer * step :, head * step :][:size, :size] = scaled[layer, head]
    figure = new_figure(0.6 * heads + 0.8, 0.6 * layers + 0.9)
    axes = figure.add_subplot()
    axes.imshow(mosaic, cmap=weight_colours(), vmin=0, vmax=1)
    edges = {"fill": False, "edgecolor": "#c9c7c2", "linewidth": 0.6}
    for layer in range(layers):
        for head in range(heads):
            axes.add_patch(Rectangle((head * step - 0.5, layer * step - 0.5), size, size, **edges))
    middle = (size - 1) / 2
    axes.set_xticks(np.arange(heads) * step + middle, range(heads), size=8)
    axes.set_yticks(np.arange(layers) * step + middle, range(layers), size=8)
    axes.set_xlabel("head", size=9, color=SOFT)
    axes.set_ylabel("layer", size=9, color=SOFT)
    bare(axes)
    axes.set_title(title, size=10, loc="left", color=INK)
    return with_fonts(figure)


def _large(inspection, weights, title):
    from matplotlib.colors import PowerNorm

    labels = token_labels(inspection)
    size = len(labels)
    side = max(2.6, min(10.0, 0.3 * size))
    font = max(3.0, min(9.0, 50 * side / size))
    figure = new_figure(side + 1.9, side + 1.2)
    axes = figure.add_subplot()
    norm = PowerNorm(0.5, 0, float(weight_scale(weights)))
    picture = axes.imshow(weights, cmap=weight_colours(), norm=norm)
    short = max(map(len, labels)) <= 2
    axes.set_xticks(range(size), labels, size=font, rotation=0 if short else 90)
    axes.set_yticks(range(size), labels, size=font)
    axes.xaxis.tick_top()
    bare(axes)
    for tick, word in zip([*axes.get_xticklabels(), *axes.get_yticklabels()], inspection.word_ids * 2, strict=True):
        tick.set_color(SOFT if word is None else INK)
    axes.set_title(title, size=10, loc="left", color=INK)
    bar = figure.colorbar(picture, shrink=0.6, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    return with_fonts(figure)


def _check(name, number, count):
    if number is not None and not 0 <= number < count:
        raise ValueError(f"`{name}` must be from 0 to {count - 1}. Received: {number}.")
