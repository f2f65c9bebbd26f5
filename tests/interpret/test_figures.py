"""The figures show the numbers they are given, and leave matplotlib as it was."""

import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tiny
from matplotlib.colors import to_hex
from parity_weights import randomized

from keras_bert_layers import interpret, models

TEXTS = ["The film is good.", "这部电影", ("a film", "is $bad$")]


@pytest.fixture(scope="module")
def results():
    model = models.text_classifier(randomized(models.bert_encoder(tiny.config())), 2)
    preprocessor = tiny.preprocessor()
    scores = interpret.gradient_x_input(model, preprocessor, TEXTS)
    return scores, interpret.inspect(model, preprocessor, TEXTS)


def probes(*accuracy):
    return interpret.Probes(np.array(accuracy), np.full(len(accuracy), 0.5), majority=0.4)


@pytest.fixture(
    params=[
        lambda scores, seen: interpret.attention_figure(seen[0]),
        lambda scores, seen: interpret.attention_figure(seen[1], 1),
        lambda scores, seen: interpret.attention_figure(seen[2], 1, 0),
        lambda scores, seen: interpret.attribution_figure(scores),
        lambda scores, seen: interpret.attribution_figure(scores, kind="bars"),
        lambda scores, seen: interpret.head_importance_figure(np.array([[0.1, -0.2]])),
        lambda scores, seen: interpret.probes_figure(probes(0.5, 0.7)),
    ],
    ids=["overview", "mean", "head", "text", "bars", "importance", "probes"],
)
def drawn(request, results):
    return request.param(*results)


@pytest.mark.filterwarnings("ignore:Glyph")  # where no font has Chinese letters
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_every_figure_is_written_and_nothing_else_of_matplotlib_changes(drawn, kind, tmp_path):
    settings, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    drawn.savefig(tmp_path / f"figure.{kind}")
    assert (tmp_path / f"figure.{kind}").stat().st_size > 1000
    assert plt.get_fignums() == []
    assert (dict(matplotlib.rcParams), matplotlib.get_backend()) == (settings, backend)


def test_the_large_map_has_the_weights_and_the_tokens(results):
    seen = results[1][0]
    axes = interpret.attention_figure(seen, 1, 0).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), seen.attention[1, 0])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(seen.tokens)
    mean = interpret.attention_figure(seen, 1).axes[0].images[0].get_array()
    np.testing.assert_allclose(mean, seen.attention[1].mean(0), atol=1e-6)


def test_the_overview_has_every_map_in_its_place(results):
    attention = results[1][0].attention
    size = attention.shape[-1]
    picture = interpret.attention_figure(results[1][0]).axes[0].images[0].get_array()
    for layer in range(2):
        for head in range(2):
            found = picture[layer * (size + 1) :, head * (size + 1) :][:size, :size]
            expected = attention[layer, head]
            scale = np.clip(expected.max(), 3 / size, 1)
            np.testing.assert_allclose(found, np.sqrt(expected / scale), atol=1e-6)


def test_words_have_the_colour_of_their_sign_and_the_greatest_the_strongest(results):
    scores = results[0]
    figure = interpret.attribution_figure(scores)
    boxes = {}
    for text in figure.texts:
        if text.get_bbox_patch() is not None:
            boxes[text.get_text()] = np.array(text.get_bbox_patch().get_facecolor()[:3])
    values = {word: value for found in scores for word, value in zip(found.words, found.word_scores, strict=True)}
    assert set(boxes) == set(values)
    for word, value in values.items():
        red, _, blue = boxes[word]
        assert (blue >= red) if value > 0 else (red >= blue)
    strongest = max(values, key=lambda word: abs(values[word]))
    assert to_hex(boxes[strongest]) in ("#689de0", "#f09452")


def test_long_texts_are_broken_into_lines_within_the_figure(results):
    model = models.text_classifier(models.bert_encoder(tiny.config(max_sequence_length=64)), 2)
    found = interpret.gradient_x_input(model, tiny.preprocessor(sequence_length=64), [" ".join(["unusual film"] * 25)])
    figure = interpret.attribution_figure(found, width=5)
    figure.canvas.draw()
    words = [text for text in figure.texts if text.get_bbox_patch() is not None]
    boxes = [word.get_window_extent() for word in words]
    width, height = figure.canvas.get_width_height()
    assert len(words) == 50
    assert max(box.x1 for box in boxes) <= width
    assert min(box.y0 for box in boxes) >= 0.1 * height
    assert len({round(box.y1) for box in boxes}) > 3
    for one, other in itertools.pairwise(boxes):
        assert other.x0 > one.x1 or other.y1 < one.y1 - 5


def test_bars_are_the_greatest_scores_with_the_greatest_on_top(results):
    found = results[0][0]
    axes = interpret.attribution_figure([found], kind="bars", most=3).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    expected = found.word_scores[np.argsort(-np.abs(found.word_scores))[:3]]
    np.testing.assert_allclose(widths, expected[::-1], atol=1e-6)


def test_lines_of_probes_are_the_accuracies():
    axes = interpret.probes_figure({"one": probes(0.5, 0.8), "two": probes(0.4, 0.6, 0.9)}).axes[0]
    solid = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert [line.get_ydata().tolist() for line in solid] == [[0.5, 0.8], [0.4, 0.6, 0.9]]


def test_a_head_that_is_not_there_is_left_out():
    axes = interpret.head_importance_figure(np.array([[0.5, np.nan], [0.1, 0.2]])).axes[0]
    assert len(axes.texts) == 3
    assert axes.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda scores, seen: interpret.attention_figure(seen[0], 2), "`layer` must be from 0 to 1. Received: 2"),
        (lambda scores, seen: interpret.attention_figure(seen[0], 1, 2), "`head` must be from 0 to 1"),
        (lambda scores, seen: interpret.attention_figure(seen[0], head=1), "Head 1 of which layer"),
        (lambda scores, seen: interpret.attribution_figure(scores, kind="pie"), "one of 'text', 'bars'"),
        (lambda scores, seen: interpret.attribution_figure(scores[0]), "must be a list"),
        (lambda scores, seen: interpret.attribution_figure([]), "must be a list"),
        (lambda scores, seen: interpret.attribution_figure(scores, labels=["a"]), "`labels` names 1 classes"),
        (lambda scores, seen: interpret.head_importance_figure(np.zeros(3)), r"shape \[layers, heads\]"),
        (lambda scores, seen: interpret.probes_figure({}), "Received: 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message, results):
    with pytest.raises(ValueError, match=message):
        draw(*results)
