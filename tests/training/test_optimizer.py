"""AdamW: no decay on norms and biases, before and after it is saved; the schedule's shape."""

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import models
from keras_bert_layers.training import WarmupLinearDecay, adamw


def decayed(model):
    """Trains one step on a loss without gradients, and returns the names of the weights that shrank."""
    before = {weight.path: weight.numpy() for weight in model.trainable_weights}
    model.optimizer.apply([keras.ops.zeros_like(weight) for weight in model.trainable_weights], model.trainable_weights)
    return {path for weight in model.trainable_weights if np.any(before[path := weight.path] != weight.numpy())}


def classifier():
    model = models.text_classifier(models.bert_encoder(tiny.config()), num_classes=2)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    model.compile(adamw(1e-2, total_steps=10, weight_decay=0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_matrices_decay_and_norms_and_biases_do_not():
    model = classifier()
    expected = {weight.path for weight in model.trainable_weights if len(weight.shape) > 1}
    assert decayed(model) == expected
    assert not any(word in path for path in expected for word in ("bias", "gamma", "beta"))


def test_a_loaded_model_decays_the_same_weights(tmp_path):
    model = classifier()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert decayed(again) == decayed(model)


def test_one_step_is_that_of_the_paper():
    """Loshchilov and Hutter 2019, algorithm 2, by hand."""
    weight = keras.Variable([[1.0, -2.0]])
    optimizer = adamw(0.1, total_steps=100, weight_decay=0.01, global_clipnorm=None)
    optimizer.build([weight])
    gradient = np.array([[0.5, 0.25]])
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [weight])
    rate = 0.1
    mean, square = 0.1 * gradient / (1 - 0.9), 0.001 * gradient**2 / (1 - 0.999)
    expected = np.array([[1.0, -2.0]]) * (1 - rate * 0.01) - rate * mean / (np.sqrt(square) + 1e-6)
    np.testing.assert_allclose(weight, expected, rtol=1e-5)


def test_the_gradient_is_clipped_over_all_weights():
    weights = [keras.Variable([[0.0]]), keras.Variable([[0.0]])]
    optimizer = adamw(1.0, total_steps=100)
    optimizer.build(weights)
    clipped = optimizer._clip_gradients([keras.ops.full((1, 1), 3.0), keras.ops.full((1, 1), 4.0)])
    np.testing.assert_allclose(np.ravel(clipped), [0.6, 0.8], rtol=1e-5)


def test_the_schedule_rises_to_its_peak_and_falls_to_zero():
    schedule = WarmupLinearDecay(2.0, total_steps=100, warmup_steps=10)
    rates = np.array([float(schedule(step)) for step in range(102)])
    np.testing.assert_allclose(rates[:10], 2.0 * np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(rates[10:101], 2.0 * np.arange(90, -1, -1) / 90, atol=1e-6)
    assert rates[101] == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"peak": 0.0, "total_steps": 10}, "`peak` .* Received: 0.0"),
        ({"peak": 1.0, "total_steps": 10, "warmup_steps": 10}, "total_steps=10, warmup_steps=10"),
        ({"peak": 1.0, "total_steps": 0}, "total_steps=0"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        WarmupLinearDecay(**arguments)
