"""Answers to many texts: those of the texts one by one, in their order, whatever the batches were."""

import keras
import numpy as np
import pytest
from served_models import TASKS, VOCABULARY, plain_texts

from keras_bert_layers import serving, text
from keras_bert_layers.serving.predictor import token_batches

TEXTS = [each.decode() for each in plain_texts(60)] + ["", "good"]


def preprocessor():
    return text.BertPreprocessor(text.BertTokenizer(VOCABULARY), sequence_length=32)


def build(task):
    model, rng = TASKS[task](), np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("task", ["single_label", "regression", "embedding"])
@pytest.mark.parametrize("tokens", [1, 100, 10_000])
def test_texts_are_answered_in_their_order(task, tokens):
    model = build(task)
    answers = serving.Predictor(model, preprocessor(), tokens_per_batch=tokens)(TEXTS)
    for answer, each in zip(answers, TEXTS, strict=True):
        alone = model(preprocessor()([each]), training=False)
        np.testing.assert_allclose(answer, np.asarray(alone)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", ["entities", "questions"])
def test_outputs_for_positions_are_as_long_as_their_texts(task):
    model = build(task)
    answers = serving.Predictor(model, preprocessor(), tokens_per_batch=64)(TEXTS)
    for number in (0, 7, len(TEXTS) - 2):
        features = preprocessor()([TEXTS[number]])
        outputs, length = model(features, training=False), int(features["padding_mask"].numpy().sum())
        found = {name: rows[number] for name, rows in answers.items()} if isinstance(answers, dict) else answers[number]
        for mine, alone in zip(keras.tree.flatten(found), keras.tree.flatten(outputs), strict=True):
            assert mine.shape[0] == length
            np.testing.assert_allclose(mine, np.asarray(alone)[0], rtol=1e-5, atol=1e-5)


def test_pairs_are_answered_as_pairs():
    model = build("pairs")
    first, second = TEXTS[:10], TEXTS[10:20]
    answers = serving.Predictor(model, preprocessor())((first, second))
    expected = model(preprocessor()((first, second)), training=False)
    np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-5)


def test_more_texts_than_are_sorted_at_once(monkeypatch):
    monkeypatch.setattr("keras_bert_layers.serving.predictor._POOL", 7)
    model = build("single_label")
    expected = model(preprocessor()(TEXTS), training=False)
    np.testing.assert_allclose(serving.Predictor(model, preprocessor())(TEXTS), expected, rtol=1e-5, atol=1e-5)


def test_no_texts_have_no_answers():
    assert serving.Predictor(build("single_label"), preprocessor())([]).shape == (0, 3)


def test_progress_is_shown_on_request(capsys):
    predict = serving.Predictor(build("single_label"), preprocessor())
    predict(TEXTS)
    assert capsys.readouterr() == ("", "")
    predict(TEXTS, verbose=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"{len(TEXTS)}/{len(TEXTS)}" in shown.err


def test_batches_hold_like_lengths_and_no_more_tokens_than_allowed():
    lengths = np.random.default_rng(0).integers(1, 60, 500)
    batches = token_batches(lengths, 300)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert max(len(batch) * lengths[batch].max() for batch in batches) <= 300
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.05 * lengths.sum()


@pytest.mark.parametrize(
    ("build_it", "words"),
    [
        (lambda: serving.Predictor(build("masked_words"), preprocessor()), "must be a dict of some of"),
        (lambda: serving.Predictor(build("single_label"), preprocessor(), 0), "must be positive"),
    ],
    ids=["further_inputs", "no_tokens"],
)
def test_what_cannot_be_answered_is_refused(build_it, words):
    with pytest.raises(ValueError, match=words):
        build_it()


@pytest.mark.parametrize("task", ["single_label", "questions"])
def test_a_batch_of_features_is_answered_as_it_is(task):
    model, features = build(task), preprocessor()(TEXTS[:5])
    found, expected = serving.Predictor(model, preprocessor()).forward(features), model(features, training=False)
    keras.tree.assert_same_structure(found, expected)
    for mine, theirs in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)
