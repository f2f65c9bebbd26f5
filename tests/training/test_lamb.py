"""LAMB against the paper's algorithm 2, written out in NumPy in float64."""

import keras
import numpy as np
import pytest

from keras_bert_layers.training import LAMB, lamb

RNG = np.random.default_rng(0)
SHAPES = {"embedding": (5, 3), "kernel": (3, 4), "bias": (4,), "gamma": (3,)}
START = {name: RNG.normal(size=shape) for name, shape in SHAPES.items()}
GRADIENTS = [{name: RNG.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(20)]


def by_hand(rates, decay, epsilon=1e-6, beta_1=0.9, beta_2=0.999):
    """You et al. 2020, algorithm 2, with φ the identity; norms and biases as in Google's code."""
    weights = {name: value.copy() for name, value in START.items()}
    means = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    squares = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    for step, (rate, gradients) in enumerate(zip(rates, GRADIENTS, strict=True), start=1):
        for name, weight in weights.items():
            means[name] = beta_1 * means[name] + (1 - beta_1) * gradients[name]
            squares[name] = beta_2 * squares[name] + (1 - beta_2) * gradients[name] ** 2
            update = means[name] / (1 - beta_1**step)
            update /= np.sqrt(squares[name] / (1 - beta_2**step)) + epsilon
            if name in ("embedding", "kernel"):
                update = update + decay * weight
                update *= np.linalg.norm(weight) / np.linalg.norm(update)
            weights[name] = weight - rate * update
    return weights


def trained(optimizer, gradients=GRADIENTS, dtype="float32"):
    weights = {name: keras.Variable(value, dtype=dtype, name=name) for name, value in START.items()}
    optimizer.build(list(weights.values()))
    for each in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(each[name], dtype) for name in weights], list(weights.values()))
    return weights


@pytest.mark.parametrize("decay", [0.0, 0.01, 0.5])
def test_twenty_steps_are_those_of_the_paper(decay):
    weights = trained(lamb(0.1, total_steps=20, warmup_steps=5, weight_decay=decay, global_clipnorm=None))
    rates = [0.1 * min((step + 1) / 5, (20 - step) / 15, 1.0) for step in range(20)]
    expected = by_hand(rates, decay)
    for name, weight in weights.items():
        np.testing.assert_allclose(weight.numpy(), expected[name], rtol=2e-4, atol=2e-5)


def test_kerass_own_is_another_algorithm():
    """Why it is not used as it is: it scales biases, and decays outside of the ratio."""
    keras_own = trained(keras.optimizers.Lamb(0.1, weight_decay=0.5, epsilon=1e-6))
    expected = by_hand([0.1] * 20, 0.5)
    assert all(np.abs(weight.numpy() - expected[name]).max() > 1e-2 for name, weight in keras_own.items())


def test_a_matrix_of_zeros_moves_by_adams_step():
    weight = keras.Variable(np.zeros((2, 2)))
    optimizer = LAMB(0.1, weight_decay=0.01)
    optimizer.build([weight])
    optimizer.apply([keras.ops.ones((2, 2))], [weight])
    np.testing.assert_allclose(weight.numpy(), -0.1 * np.ones((2, 2)), rtol=1e-4)


def test_a_matrix_without_gradient_and_decay_stays():
    weight = keras.Variable(np.ones((2, 2)))
    optimizer = LAMB(0.1)
    optimizer.build([weight])
    optimizer.apply([keras.ops.zeros((2, 2))], [weight])
    np.testing.assert_array_equal(weight.numpy(), np.ones((2, 2)))


def test_gradients_of_an_embedding_that_come_as_rows_count_like_full_ones():
    def step(ids, make_loss):
        layer = keras.layers.Embedding(6, 3, embeddings_initializer=keras.initializers.RandomNormal(seed=1))
        model = keras.Sequential([keras.Input((2,), dtype="int32"), layer])
        model.compile(lamb(0.1, total_steps=10), loss=make_loss)
        model.train_on_batch(ids, np.ones((2, 2, 3)))
        return layer.embeddings.numpy()

    ids = np.array([[0, 1], [1, 4]])
    rows = step(ids, "mse")
    # Reading the whole table makes the gradient dense.
    table = keras.Variable(keras.initializers.RandomNormal(seed=1)((6, 3)))
    optimizer = lamb(0.1, total_steps=10)
    optimizer.build([table])
    gradient = np.zeros((6, 3))
    np.add.at(gradient, ids, 2 * (table.numpy()[ids] - 1) / 12)
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [table])
    np.testing.assert_allclose(rows, table.numpy(), rtol=1e-5, atol=1e-6)


def test_it_is_the_same_after_saving(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(lamb(0.1, total_steps=10, warmup_steps=2), loss="mse")
    x, y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is LAMB
    for each in (model, again):
        each.train_on_batch(x, y)
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_two_replicas_train_like_one_device(mirrored):
    def weights(scope):
        keras.utils.set_random_seed(0)
        with scope:
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
            # Without clipping, for which Keras takes the gradients of each replica by themselves.
            model.compile(lamb(0.1, total_steps=10, global_clipnorm=None), loss="mse")
        rng = np.random.default_rng(1)
        model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), batch_size=4, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    one = weights(keras.name_scope("one"))
    for mine, theirs in zip(weights(mirrored.scope()), one, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
