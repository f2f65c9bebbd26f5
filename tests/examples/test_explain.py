"""The script that explains answers: what it prints is what the library says, for each kind of model."""

import io
import json
import re

import convert_directories as checkpoints
import explain
import numpy as np
import planted_cue
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, interpret, models


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier that has learnt which word decides, a tagger, and models of other kinds."""
    folder = tmp_path_factory.mktemp("explain")
    labels = ["bad", "good", "neither"]
    convert.save_pretrained(
        planted_cue.trained(), folder / "run" / "model", planted_cue.preprocessor().tokenizer, labels=labels
    )
    tagger = models.token_classifier(randomized(models.bert_encoder(tiny.config())), labels=["O", "B"])
    convert.save_pretrained(tagger, folder / "tagger", tiny.tokenizer())
    several = models.text_classifier(
        randomized(models.bert_encoder(tiny.config())), labels=["x", "y"], problem_type="multi_label"
    )
    convert.save_pretrained(several, folder / "several", tiny.tokenizer())
    value = models.text_classifier(randomized(models.bert_encoder(tiny.config())), 1)
    convert.save_pretrained(value, folder / "value", tiny.tokenizer())
    convert.save_pretrained(models.bert_encoder(tiny.config()), folder / "encoder", tiny.tokenizer())
    checkpoints.huggingface(folder / "pretrainer")
    return folder


def run(capsys, tmp_path, *arguments):
    arguments = [*map(str, arguments), "--output", str(tmp_path / "out" / "page.html")]
    assert explain.main(arguments) == 0
    return capsys.readouterr().out


def data(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'type="application/json">(.*?)</script>', text, re.S)[1])["texts"]


@pytest.mark.parametrize("method", ["integrated-gradients", "leave-one-out", "smooth-grad", "gradient-x-input"])
def test_it_prints_the_answer_and_the_word_that_decides(method, folder, tmp_path, capsys):
    steps = ["--steps", 8] if method == "smooth-grad" else []
    out = run(capsys, tmp_path, "--model", folder / "run", "--method", method, *steps, "w1 lovely w2", "w3 w4 awful w5")
    blocks = out.split("\n\n")
    assert re.search(r"^answer +good \d", blocks[0], re.M)
    assert re.search(r"^for +good: lovely \+", blocks[0], re.M)
    assert re.search(r"^for +bad: awful \+", blocks[1], re.M)
    assert ("error" in out) == (method == "integrated-gradients")
    if method == "integrated-gradients":
        found = interpret.integrated_gradients(planted_cue.trained(), planted_cue.preprocessor(), ["w1 lovely w2"])
        assert f"lovely {found[0].word_scores[1]:+.3f}" in blocks[0]
        assert float(re.search(r"\(([\d.]+)%\)", blocks[0])[1]) < 1


def test_the_page_and_the_figure_show_all_texts(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("w2 awful\nw1\tlovely\n"))
    figure = tmp_path / "figures" / "words.png"
    run(capsys, tmp_path, "--model", folder / "run", "--texts", "-", "w1 superb", "--target", "bad", "--figure", figure)
    shown = data(tmp_path / "out" / "page.html")
    assert [text["name"] for text in shown] == ["w1 superb", "w2 awful", "w1 | lovely"]
    assert {text["attributions"][0]["target"] for text in shown} == {"bad"}
    assert [other["name"] for other in shown[0]["attention"]["others"]] == ["rollout"]
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_the_page_can_do_without_attention(folder, tmp_path, capsys):
    run(capsys, tmp_path, "--model", folder / "run", "--no-attention", "w1 superb")
    assert data(tmp_path / "out" / "page.html")[0]["attention"] is None


def test_the_label_of_one_word_is_explained(folder, tmp_path, capsys):
    out = run(capsys, tmp_path, "--model", folder / "tagger", "--word", "FILMS", "the films is good")
    loaded = convert.from_pretrained(folder / "tagger")
    logits = np.asarray(loaded.model(loaded.preprocessor()(["the films is good"])))[0, 2]
    label = ["O", "B"][logits.argmax()]
    assert f"for       {label}: " in out
    assert data(tmp_path / "out" / "page.html")[0]["attributions"][0]["target"] == f"{label} at 'film'"


def test_the_word_behind_a_mask_is_explained(folder, tmp_path, capsys):
    out = run(capsys, tmp_path, "--model", folder / "pretrainer", "the [MASK] is bad", "--target", "film", "--steps", 4)
    assert "for       film: " in out


def test_labels_that_do_not_exclude_each_other_have_their_own_probabilities(folder, tmp_path, capsys):
    out = run(capsys, tmp_path, "--model", folder / "several", "the film", "--steps", 2)
    loaded = convert.from_pretrained(folder / "several")
    logits = np.asarray(loaded.model(loaded.preprocessor()(["the film"])))[0]
    for name, logit in zip("xy", logits, strict=True):
        assert f"{name} {1 / (1 + np.exp(-logit)):.1%}" in out


def test_of_a_number_the_number_is_shown(folder, tmp_path, capsys):
    out = run(capsys, tmp_path, "--model", folder / "value", "the film", "--steps", 2, "--figure", tmp_path / "a.png")
    loaded = convert.from_pretrained(folder / "value")
    assert f"answer    {float(loaded.model(loaded.preprocessor()(['the film']))[0, 0]):.4g}" in out
    assert data(tmp_path / "out" / "page.html")[0]["attributions"][0]["probabilities"] == []


def test_a_text_that_is_cut_is_said_to_be(folder, tmp_path, capsys):
    out = run(capsys, tmp_path, "--model", folder / "run", "--sequence-length", 4, "w1 w2 w3 lovely")
    assert "cut       at 4 tokens" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "run", "w1", "--target", "ugly"], "--target must be one of bad, good, neither. Received: 'ugly'"),
        (["--model", "run", "w1", "--word", "w1"], "--word is for models that label words"),
        (["--model", "tagger", "the film"], "Say with --word"),
        (["--model", "tagger", "the film", "--word", "book"], "'book' is none of the words of 'the film': the, film"),
        (["--model", "pretrainer", "the film"], "there is no [MASK] in 'the film'"),
        (["--model", "pretrainer", "the [MASK]", "--target", "book"], "must be a token of the vocabulary"),
        (["--model", "encoder", "the film"], "This model is for encoder"),
        (["--model", "nowhere", "the film"], "nowhere"),
        (["--model", "run"], "no text"),
        (["--model", "run", "w1", "--steps", "0"], "must be 1 or more"),
        (["--model", "run", "--texts", "absent.txt"], "absent.txt"),
    ],
)
def test_bad_input_ends_with_status_2_and_a_message(arguments, message, folder, tmp_path, capsys):
    arguments = [str(folder / each) if (folder / each).exists() else each for each in arguments]
    with pytest.raises(SystemExit) as caught:
        explain.main([*arguments, "--output", str(tmp_path / "page.html")])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
