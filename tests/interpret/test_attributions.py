"""Attributions find what decides, add up, and stand at the right tokens."""

import numpy as np
import planted_cue
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, models

METHODS = {
    "integrated_gradients": interpret.integrated_gradients,
    "gradient_x_input": interpret.gradient_x_input,
    "smooth_grad": interpret.smooth_grad,
    "leave_one_out": interpret.leave_one_out,
}


@pytest.fixture(scope="module")
def trained():
    return planted_cue.trained()


def test_the_model_has_learnt_the_task(trained):
    """Else the tests below would ask for the cue of a model that does not use it."""
    texts, cues = planted_cue.texts(64, seed=9)
    logits = np.asarray(trained({k: np.asarray(v) for k, v in planted_cue.preprocessor()(texts).items()}))
    assert (logits.argmax(-1) == [planted_cue.CUES[cue] for cue in cues]).all()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("integrated_gradients", {"steps": 16}),
        ("integrated_gradients", {"steps": 16, "baseline": "mask"}),
        ("leave_one_out", {}),
        ("leave_one_out", {"replacement": "mask"}),
    ],
)
def test_the_word_that_decides_has_the_greatest_score(trained, name, settings):
    texts, cues = planted_cue.texts(20, seed=5)
    found = METHODS[name](trained, planted_cue.preprocessor(), texts, **settings)
    hits = [each.words[each.word_scores.argmax()] == cue for each, cue in zip(found, cues, strict=True)]
    assert np.mean(hits) >= 0.95


@pytest.mark.parametrize("baseline", ["pad", "mask"])
def test_integrated_gradients_add_up_within_one_percent_at_64_steps(trained, baseline):
    texts, _ = planted_cue.texts(5, seed=6)
    found = interpret.integrated_gradients(trained, planted_cue.preprocessor(), texts, baseline=baseline)
    for each in found:
        change = each.logit - each.baseline_logit
        assert abs(each.delta) < 0.01 * abs(change)
        assert each.delta == pytest.approx(each.scores.sum() - change, abs=1e-5)


def test_more_steps_come_closer_to_the_sum(trained):
    texts, _ = planted_cue.texts(3, seed=6)
    deltas = [
        np.mean(
            [
                abs(each.delta)
                for each in interpret.integrated_gradients(
                    trained, planted_cue.preprocessor(), texts, steps=steps, rule="midpoint"
                )
            ]
        )
        for steps in (2, 64)
    ]
    assert deltas[1] < deltas[0] / 4


def test_special_tokens_that_the_baseline_keeps_have_no_part(trained):
    [found] = interpret.integrated_gradients(trained, planted_cue.preprocessor(), ["w1 lovely w2"], steps=8)
    np.testing.assert_allclose(found.scores[[0, -1]], 0, atol=1e-6)
    assert np.abs(found.scores[1:-1]).min() > 1e-5


def test_a_word_is_its_pieces(trained):
    [found] = interpret.leave_one_out(trained, planted_cue.preprocessor(), ["w1 Superb w2"])
    assert found.words == ("w1", "Superb", "w2")
    assert found.tokens == ("[CLS]", "w1", "super", "##b", "w2", "[SEP]")
    assert found.word_ids == (None, 0, 1, 1, 2, None)
    assert [found.text[start:end] for start, end in found.offsets[1:-1]] == ["w1", "Super", "b", "w2"]
    assert found.scores[2] == found.scores[3] != 0
    np.testing.assert_allclose(found.word_scores[1], found.scores[2] * 2, rtol=1e-6)


@pytest.mark.parametrize("replacement", ["remove", "mask", "pad"])
def test_leaving_a_word_out_is_the_difference_of_two_texts(trained, replacement):
    preprocessor = planted_cue.preprocessor()
    [found] = interpret.leave_one_out(trained, preprocessor, ["w1 superb w2"], target=1, replacement=replacement)

    def logit(words):
        tokens = ["[CLS]", *words, "[SEP]"]
        ids = np.array([[planted_cue.VOCABULARY.index(token) for token in tokens]], "int32")
        return float(trained({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1})[0, 1])

    gone = {"remove": [], "mask": ["[MASK]"], "pad": ["[PAD]"]}[replacement]
    expected = [
        logit(["w1", "super", "##b", "w2"]) - logit(words)
        for words in ([*gone, "super", "##b", "w2"], ["w1", *gone * 2, "w2"], ["w1", "super", "##b", *gone])
    ]
    np.testing.assert_allclose(found.word_scores, expected, atol=1e-5)


def test_gradient_x_input_is_the_slope_along_the_vector(trained):
    """By finite differences, on the second half of the model."""
    from keras_bert_layers.interpret.embedded_model import embedded_model

    [found] = interpret.gradient_x_input(trained, planted_cue.preprocessor(), ["w1 lovely"], target=0)
    embed, rest = embedded_model(trained)
    ids = found.token_ids[None]
    inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    x = np.asarray(embed(inputs))
    for place in range(4):
        logits = []
        for step in (-1e-2, 1e-2):
            moved = x.copy()
            moved[0, place] *= 1 + step
            logits.append(float(rest({**inputs, "embedded": moved})[0, 0]))
        assert found.scores[place] == pytest.approx((logits[1] - logits[0]) / 2e-2, abs=2e-2)


def test_without_noise_smoothing_changes_nothing(trained):
    texts, _ = planted_cue.texts(2, seed=7)
    plain = interpret.gradient_x_input(trained, planted_cue.preprocessor(), texts)
    smooth = interpret.smooth_grad(trained, planted_cue.preprocessor(), texts, samples=3, noise=0.0)
    noisy = interpret.smooth_grad(trained, planted_cue.preprocessor(), texts, samples=3, noise=0.2)
    for one, other, third in zip(plain, smooth, noisy, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        assert np.abs(third.scores - one.scores).max() > 1e-3


def test_the_prediction_stands_beside_the_scores(trained):
    [found] = interpret.gradient_x_input(trained, planted_cue.preprocessor(), ["w1 lovely w2 w3"])
    assert (found.prediction, found.target) == (1, (1,))
    assert found.probabilities[1] > 0.9
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-6)


def encoder(**changes):
    return randomized(models.bert_encoder(tiny.config(**changes)))


TARGETS = {
    "token": (lambda: models.token_classifier(encoder(), 3), (2, 1)),
    "span": (lambda: models.span_predictor(encoder()), ("end", 3)),
    "masked_token": (lambda: models.masked_lm(encoder()), (0, 7)),
    "regression": (lambda: models.text_classifier(encoder(), 1), 0),
    "replaced_token": (lambda: models.replaced_token_detector(encoder()), 2),
}


@pytest.mark.parametrize("method", ["integrated_gradients", "leave_one_out"])
@pytest.mark.parametrize(("build", "target"), TARGETS.values(), ids=TARGETS.keys())
def test_every_head_can_be_explained(build, target, method):
    settings = {"replacement": "mask"} if method == "leave_one_out" else {"steps": 8}
    [found] = METHODS[method](build(), tiny.preprocessor(), ["A [MASK] film"], target, **settings)
    assert found.words == ("A", "[MASK]", "film")
    assert np.isfinite(found.scores).all()
    assert np.abs(found.scores).max() > 0
    assert 0 <= found.prediction <= len(found.probabilities)


def test_a_pair_is_explained_with_offsets_into_each_text():
    model = models.text_classifier(encoder(), 2)
    [found] = interpret.gradient_x_input(model, tiny.preprocessor(), [("the film", "is bad")])
    assert found.words == ("the", "film", "is", "bad")
    assert found.offsets == ((0, 0), (0, 3), (4, 8), (0, 0), (0, 2), (3, 6), (0, 0))
    assert found.segment_ids.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_a_long_text_is_cut_as_the_model_reads_it():
    model = models.text_classifier(encoder(), 2)
    [found] = interpret.gradient_x_input(model, tiny.preprocessor(sequence_length=5), ["the films is bad"])
    assert found.tokens == ("[CLS]", "the", "film", "##s", "[SEP]")
    assert found.words == ("the", "films")


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (lambda: models.text_classifier(encoder(), 2), {"texts": "a text"}, "`texts` must be a list"),
        (lambda: models.text_classifier(encoder(), 2), {"target": 2}, r"outputs of shape \(2,\).*a class"),
        (lambda: models.token_classifier(encoder(), 2), {}, r"\(position, class\). Received: None"),
        (lambda: models.span_predictor(encoder()), {"target": 1}, "begins with the name of one of start, end"),
        (lambda: models.token_classifier(encoder(), 2), {"target": (1, 1)}, "removing a word would move it"),
        (lambda: models.text_classifier(encoder(), 2), {"replacement": "drop"}, "one of remove, mask, pad"),
        (lambda: models.text_classifier(encoder(), 2), {"preprocessor": None}, "must be a BertPreprocessor"),
    ],
)
def test_what_cannot_be_explained_is_refused(build, arguments, message):
    given = {"texts": ["a film"], "preprocessor": tiny.preprocessor(), **arguments}
    with pytest.raises(ValueError, match=message):
        interpret.leave_one_out(build(), given.pop("preprocessor"), given.pop("texts"), **given)
