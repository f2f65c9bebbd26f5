"""Words that speak for and against a prediction, as a matplotlib figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.coloured_text import coloured_text_figure
from keras_bert_layers.interpret.figure_style import INK, NEGATIVE, POSITIVE, SOFT, bare, new_figure, with_fonts
from keras_bert_layers.interpret.page_data import class_names, target_name

if TYPE_CHECKING:
    import matplotlib.figure

_KINDS = ("text", "bars")


def attribution_figure(
    attributions: Sequence[Attribution],
    *,
    labels: Sequence[str] | None = None,
    kind: str = "text",
    most: int = 12,
    width: float = 7.5,
) -> "matplotlib.figure.Figure":
    """Texts whose words are coloured by their scores, or the scores as bars: blue speaks for, orange against.

    All texts have one range of colours, that of the greatest score, and so can be compared.

    Args:
        attributions: of `integrated_gradients` and the like; a text each.
        labels: names of the classes. Defaults to `None`: their numbers.
        kind: `"text"`, or `"bars"`, the words with the greatest scores. Defaults to `"text"`.
        most: int > 0. Bars for each text. Defaults to 12.
        width: of the figure, in inches. Defaults to 7.5.

    Returns:
        A matplotlib Figure. Letters written from right to left stand in that order word by word; whether they are
        joined depends on matplotlib. The HTML page joins them.

    Raises:
        ValueError: if there is no text, `kind` is unknown, or the number of labels is wrong.

    Example:
        >>> from keras_bert_layers import interpret, models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> found = interpret.gradient_x_input(classifier, preprocessor, ["Hi", "Hi, hi"])
        >>> figure = attribution_figure(found, labels=["rude", "polite"])
        >>> [text.get_text() for text in figure.texts][1]
        'Hi'
    """
    if kind not in _KINDS:
        raise ValueError(f"`kind` must be one of {', '.join(map(repr, _KINDS))}. Received: {kind!r}.")
    if isinstance(attributions, Attribution) or not attributions:
        raise ValueError("`attributions` must be a list with an Attribution for each text.")
    headings = [_heading(found, labels) for found in attributions]
    if kind == "text":
        return coloured_text_figure(attributions, headings, width)
    return _bars(attributions, headings, most, width)


def _bars(attributions, headings, most, width):
    counts = [max(1, min(most, len(found.words))) for found in attributions]
    figure = new_figure(width, 0.3 + sum(0.55 + 0.22 * count for count in counts))
    rows = figure.subplots(len(counts), 1, squeeze=False, sharex=True, height_ratios=[count + 1 for count in counts])
    for axes, found, heading, count in zip(rows[:, 0], attributions, headings, counts, strict=True):
        order = np.argsort(-np.abs(found.word_scores), kind="stable")[:count][::-1]
        scores = found.word_scores[order]
        axes.barh(
            range(len(order)), scores, height=0.7, color=[POSITIVE if score > 0 else NEGATIVE for score in scores]
        )
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.set_yticks(range(len(order)), [found.words[word] for word in order], size=9)
        axes.set_ylim(-0.6, count - 0.4)
        axes.set_title(heading, size=9, loc="left", color=INK)
        axes.tick_params(axis="x", labelsize=8)
        bare(axes)
    rows[-1, 0].set_xlabel("score", size=9, color=SOFT)
    return with_fonts(figure)


def _heading(found, labels):
    names = class_names(found, labels)
    if not len(found.probabilities):
        return f"{target_name(found, labels)} {found.logit:.3g}"
    best = int(np.argmax(found.probabilities))
    target = target_name(found, labels)
    heading = f"{names(best)} {found.probabilities[best]:.0%}"
    return heading if target == names(best) else f"{heading}; coloured: for {target}"
