"""The page holds the numbers of the results, and nothing that runs, loads or ends it early."""

import base64
import hashlib
import html
import json
import re
import zlib

import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, models

EVIL = "good </script><script>alert(1)</script> <!-- <b>film</b> & {{data}}"
TEXTS = ["The film is good.", EVIL, ("a  film", "is bad")]


@pytest.fixture(scope="module")
def results():
    model = models.text_classifier(
        randomized(models.bert_encoder(tiny.config(num_layers=3, max_sequence_length=64))), 2
    )
    preprocessor = tiny.preprocessor(sequence_length=48)
    return [
        *interpret.integrated_gradients(model, preprocessor, TEXTS, steps=2),
        *interpret.gradient_x_input(model, preprocessor, TEXTS[:1], target=0),
        *interpret.inspect(model, preprocessor, TEXTS),
    ]


@pytest.fixture(scope="module")
def page(results):
    rolled = [interpret.attention_rollout(each.attention) for each in results[4:]]
    return interpret.page(results, labels=["bad", "good"], maps={"rollout": rolled}, title="<i>A & B</i>")


def data(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page.html, re.S)[1])


def test_results_of_one_text_stand_together(page):
    texts = data(page)["texts"]
    assert [len(text["attributions"]) for text in texts] == [2, 1, 1]
    assert [each["method"] for each in texts[0]["attributions"]] == ["integrated gradients", "gradient x input"]
    assert texts[0]["attributions"][1]["target"] == "bad"


def test_scores_and_probabilities_are_those_of_the_results(page, results):
    for text, found in zip(data(page)["texts"], results[:3], strict=True):
        shown = text["attributions"][0]
        np.testing.assert_allclose(shown["scores"], found.scores, rtol=1e-4)
        np.testing.assert_allclose(shown["word_scores"], found.word_scores, rtol=1e-4)
        assert shown["delta"] == found.delta
        best = ["bad", "good"][found.prediction]
        assert shown["probabilities"][0] == [best, pytest.approx(found.probabilities.max(), abs=1e-6)]


def test_attention_is_kept_to_half_of_a_255th_of_its_root(page, results):
    for text, found in zip(data(page)["texts"], results[4:], strict=True):
        attention = text["attention"]
        stored = np.frombuffer(zlib.decompress(base64.b64decode(attention["data"])), "uint8")
        stored = stored.reshape(found.attention.shape)
        assert stored.shape[:2] == (attention["layers"], attention["heads"])
        assert np.abs(stored / 255 - np.sqrt(found.attention)).max() <= 0.501 / 255
        [rollout] = attention["others"]
        stored = np.frombuffer(zlib.decompress(base64.b64decode(rollout["data"])), "uint8")
        expected = np.sqrt(interpret.attention_rollout(found.attention))
        assert np.abs(stored.reshape(expected.shape) / 255 - expected).max() <= 0.501 / 255


def test_words_and_gaps_are_the_text_again(page):
    for text, given in zip(data(page)["texts"], TEXTS, strict=True):
        for segment, part in enumerate([given] if isinstance(given, str) else given):
            places = [place for place, each in enumerate(text["word_segments"]) if each == segment]
            assert "".join(text["gaps"][place] + text["words"][place] for place in places) == part


def test_nothing_in_a_text_can_end_the_element_it_stands_in(page):
    assert "<" not in re.search(r'type="application/json">(.*?)</script>', page.html, re.S)[1]
    assert len(re.findall("<script", page.html)) == 2
    assert '<h1 dir="auto">&lt;i&gt;A &amp; B&lt;/i&gt;</h1>' in page.html


def test_only_the_script_and_style_of_the_page_are_allowed(page):
    policy = html.unescape(re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page.html)[1])
    script = re.search(r'<script type="module">(.*?)</script>', page.html, re.S)[1]
    style = re.search(r"<style>(.*?)</style>", page.html, re.S)[1]
    for kind, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_page_names_no_address(page):
    assert not re.search(r"https?:|url\(|@import|\bimport\b|fetch\(|XMLHttpRequest", page.html)
    assert re.findall(r'\b(?:src|href)="([^"]*)"', page.html) == ["data:,"]


def test_a_file_and_a_notebook_show_the_same_page(page, tmp_path):
    path = page.save(tmp_path / "page.html")
    assert path.read_bytes().decode() == page.html
    frame = page._repr_html_()
    assert html.unescape(re.search(r'srcdoc="(.*?)"', frame, re.S)[1]) == page.html
    assert 'sandbox="allow-scripts"' in frame


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The film", [False]),
        ("هذا الفيلم good", [True]),
        ("3 × 这部电影", [False]),
        ("(שלום)", [True]),
        ("12", [False]),
    ],
)
def test_the_direction_is_that_of_the_first_letter(text, expected):
    model = models.text_classifier(models.bert_encoder(tiny.config()), 2)
    page = interpret.page(interpret.gradient_x_input(model, tiny.preprocessor(), [text]))
    assert data(page)["texts"][0]["rtl"] == expected


def test_a_full_size_model_on_128_tokens_takes_less_than_four_megabytes():
    """The worst case: weights that are noise, which does not compress."""
    weights = np.random.default_rng(0).dirichlet(np.full(128, 0.3), (12, 12, 128)).astype("float32")
    numbers = np.zeros(128, "int32")
    pieces = {"text": "a", "tokens": ("a",) * 128, "token_ids": numbers, "segment_ids": numbers, "words": ("a",)}
    pieces |= {"word_ids": (0,) * 128, "offsets": ((0, 1),) * 128}
    seen = interpret.Inspection(**pieces, attention=weights, hidden_states=np.zeros(1))
    assert len(interpret.page([seen]).html) < 4e6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda results: {"results": []}, "at least one Attribution or Inspection"),
        (lambda results: {"results": [results]}, "all lists joined"),
        (lambda results: {"labels": ["a", "b", "c"]}, r"`labels` names 3 classes, and the prediction for .* has 2"),
        (lambda results: {"maps": {"flow": []}}, "each of the 3 Inspections. Received: 0"),
        (lambda results: {"maps": {"flow": [np.zeros((2, 2))] * 3}}, r"'flow' .* must have the shape \[layers, "),
    ],
)
def test_what_does_not_fit_is_refused(change, message, results):
    arguments = {"results": results, **change(results)}
    with pytest.raises(ValueError, match=message):
        interpret.page(arguments.pop("results"), **arguments)


TARGETS = {
    "token": (lambda encoder: models.token_classifier(encoder, 2), (1, 1), ["O", "B"], "B at 'the'"),
    "span": (models.span_predictor, ("end", 2), None, "end film"),
    "regression": (lambda encoder: models.text_classifier(encoder, 1), 0, None, "yes"),
    "masked": (models.masked_lm, (0, 5), tiny.VOCABULARY, "good"),
}


@pytest.mark.parametrize(("build", "target", "labels", "name"), TARGETS.values(), ids=TARGETS.keys())
def test_every_target_has_a_name(build, target, labels, name):
    model = build(randomized(models.bert_encoder(tiny.config())))
    found = interpret.gradient_x_input(model, tiny.preprocessor(), ["the film [MASK]"], target)
    [shown] = data(interpret.page(found, labels=labels))["texts"][0]["attributions"]
    assert shown["target"] == name
