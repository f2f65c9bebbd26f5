"""Losses and metrics weighted by real predictions, against sums written out in NumPy."""

import keras
import numpy as np
import pytest

from keras_bert_layers.training import MaskedLMAccuracy, MaskedLMLoss, NextSentenceLoss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 7)).astype("float32")
LABELS = RNG.integers(0, 7, (3, 4))
WEIGHTS = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], "float32")


def cross_entropy(logits, labels):
    exponentials = np.exp(np.float64(logits))
    probabilities = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return -np.log(np.take_along_axis(probabilities, labels[..., None], axis=-1))[..., 0]


def test_masked_lm_loss_is_the_mean_over_real_predictions():
    expected = (cross_entropy(LOGITS, LABELS) * WEIGHTS).sum() / WEIGHTS.sum()
    np.testing.assert_allclose(MaskedLMLoss()(LABELS, LOGITS, WEIGHTS), expected, rtol=1e-5)


def test_negative_labels_are_padding_whatever_the_weights():
    labels = np.where(WEIGHTS > 0, LABELS, -1)
    expected = MaskedLMLoss()(LABELS, LOGITS, WEIGHTS)
    np.testing.assert_allclose(MaskedLMLoss()(labels, LOGITS), expected, rtol=1e-6)
    np.testing.assert_allclose(MaskedLMLoss()(labels, LOGITS, np.ones_like(WEIGHTS)), expected, rtol=1e-6)


def test_more_padding_changes_neither_loss_nor_accuracy():
    padding = ((0, 0), (0, 5))
    labels, weights = np.pad(LABELS, padding, constant_values=3), np.pad(WEIGHTS, padding)
    logits = np.pad(LOGITS, (*padding, (0, 0)), constant_values=9.0)
    for measure in (MaskedLMLoss(), MaskedLMAccuracy()):
        expected = float(measure(LABELS, LOGITS, WEIGHTS))
        if isinstance(measure, keras.metrics.Metric):
            measure.reset_state()
        np.testing.assert_allclose(measure(labels, logits, weights), expected, rtol=1e-6)


def test_nothing_to_predict_is_zero_and_not_nan():
    assert float(MaskedLMLoss()(LABELS, LOGITS, np.zeros_like(WEIGHTS))) == 0.0


def test_masked_lm_accuracy_counts_real_predictions_over_batches():
    metric = MaskedLMAccuracy()
    metric.update_state(LABELS[:1], LOGITS[:1], WEIGHTS[:1])
    metric.update_state(LABELS[1:], LOGITS[1:], WEIGHTS[1:])
    right = (LOGITS.argmax(axis=-1) == LABELS) * WEIGHTS
    np.testing.assert_allclose(metric.result(), right.sum() / WEIGHTS.sum(), rtol=1e-6)


def test_next_sentence_loss_is_the_mean_cross_entropy():
    logits, labels = LOGITS[:, 0, :2], np.array([0, 1, 1])
    np.testing.assert_allclose(NextSentenceLoss()(labels, logits), cross_entropy(logits, labels).mean(), rtol=1e-5)


@pytest.mark.parametrize("made", [MaskedLMLoss(), NextSentenceLoss(), MaskedLMAccuracy()], ids=lambda x: x.name)
def test_it_is_remade_from_its_config(made):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


def test_half_precision_logits_are_summed_in_float32():
    half = keras.ops.cast(LOGITS, "bfloat16")
    loss = MaskedLMLoss()(LABELS, half, WEIGHTS)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
