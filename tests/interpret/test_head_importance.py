"""The worth of heads is the derivative of the loss by their factors, and what the loss becomes without them."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import compress, interpret, models

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
LABELS = np.array([0, 1, 1])


def classifier():
    return randomized(models.text_classifier(models.bert_encoder(tiny.config()), 2))


def batch():
    ids = np.random.default_rng(3).integers(5, 15, (3, 6)).astype("int32")
    padding_mask = np.array([[1] * 6, [1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0]], "int32")
    return {"token_ids": ids * padding_mask, "segment_ids": 0 * ids, "padding_mask": padding_mask}, LABELS


def losses_with(masked, factors):
    """The loss of every example with these factors [L, N] of the heads."""
    features, labels = batch()
    logits = masked({**features, "head_mask": np.tile(factors, (3, 1, 1)).astype("float32")})
    return np.asarray(LOSS.call(labels, logits))


def test_with_all_factors_one_the_model_is_what_it_was():
    model, (features, _) = classifier(), batch()
    ones = np.ones((3, 2, 2), "float32")
    np.testing.assert_allclose(
        interpret.head_masked_model(model)({**features, "head_mask": ones}), model(features), rtol=0, atol=1e-6
    )


def test_importance_is_the_mean_size_of_the_derivative():
    """By finite differences of every example's loss."""
    model = classifier()
    found = interpret.head_importance(model, [batch()], LOSS, normalize=False)
    masked = interpret.head_masked_model(model)
    for layer in range(2):
        for head in range(2):
            step = np.zeros((2, 2))
            step[layer, head] = 1e-2
            slopes = (losses_with(masked, 1 + step) - losses_with(masked, 1 - step)) / 2e-2
            assert found[layer, head] == pytest.approx(np.abs(slopes).mean(), rel=2e-2, abs=1e-5)
    normalized = interpret.head_importance(model, [batch()], LOSS)
    np.testing.assert_allclose((normalized**2).sum(-1), 1, rtol=1e-5)


def test_batches_count_by_their_examples():
    model, (features, labels) = classifier(), batch()
    parts = [
        ({name: value[rows] for name, value in features.items()}, labels[rows]) for rows in (slice(0, 1), slice(1, 3))
    ]
    np.testing.assert_allclose(
        interpret.head_importance(model, parts, LOSS), interpret.head_importance(model, [batch()], LOSS), rtol=1e-4
    )


def test_ablation_is_the_change_of_the_loss_of_the_model_without_the_head():
    model, (features, labels) = classifier(), batch()
    found = interpret.head_ablation(model, [batch()], LOSS)
    whole = LOSS(labels, model(features))
    pruned = LOSS(labels, compress.prune_heads(model, {1: [0]})(features))
    assert found[1, 0] == pytest.approx(float(pruned - whole), abs=1e-5)
    assert np.abs(found).min() > 1e-6


def test_a_head_whose_output_is_not_read_is_worth_nothing():
    model = classifier()
    output = model.get_layer("encoder").blocks[0].attention.output_projection
    kernel = np.array(output.kernel)
    kernel[:4] = 0
    output.kernel.assign(kernel)
    importance = interpret.head_importance(model, [batch()], LOSS)
    assert importance[0, 0] == 0 < importance[0, 1]
    assert interpret.head_ablation(model, [batch()], LOSS)[0, 0] == pytest.approx(0, abs=1e-6)
    assert interpret.weakest_heads(importance, 1) == {0: [0]}


def test_a_weight_of_zero_leaves_an_example_out():
    model, (features, labels) = classifier(), batch()
    first = {name: value[:1] for name, value in features.items()}
    weighted = interpret.head_importance(model, [(features, labels, np.array([1.0, 0, 0]))], LOSS, normalize=False)
    alone = interpret.head_importance(model, [(first, labels[:1])], LOSS, normalize=False)
    np.testing.assert_allclose(weighted * 3, alone, rtol=1e-4, atol=1e-7)


def test_heads_that_a_layer_lacks_are_no_numbers_and_are_never_the_weakest():
    pruned = compress.prune_heads(classifier(), {0: [1]})
    importance = interpret.head_importance(pruned, [batch()], LOSS)
    np.testing.assert_array_equal(np.isnan(importance), [[False, True], [False, False]])
    assert list(interpret.weakest_heads(importance, 1)) == [1]


def test_every_layer_keeps_a_head():
    assert interpret.weakest_heads(np.array([[0.1, 0.2, 0.3], [5, 6, 7]]), 4) == {0: [0, 1], 1: [0, 1]}
    with pytest.raises(ValueError, match="from 0 to 4"):
        interpret.weakest_heads(np.zeros((2, 3)), 5)


def test_without_examples_nothing_is_measured():
    with pytest.raises(ValueError, match="`batches` is empty"):
        interpret.head_importance(classifier(), [], LOSS)
