"""Learning rates by depth: the factors of every family, and steps against an AdamW in NumPy with a rate a weight."""

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import compress, models
from keras_bert_layers.training import AdamW, adamw, lamb, layer_rates

MODERN = models.ModernBertConfig(vocabulary_size=15, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
SHARED = {"vocabulary_size": 15, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 16}
ALBERT = models.AlbertConfig(**SHARED, embedding_dim=4, num_layers=4, num_groups=2, blocks_per_group=2)
STILL = tiny.config(dropout=0.0, attention_dropout=0.0)


def by_place(model, decay=0.5):
    """The factor of every part of a model, by the first two names of the path; equal for all weights of the part."""
    factors = {}
    for weight, factor in zip(model.trainable_weights, layer_rates(model.trainable_weights, decay), strict=True):
        names = weight.path.split("/")
        factors.setdefault("/".join(names[:2]) if names[0] == "encoder" else names[0], set()).add(factor)
    assert all(len(of_part) == 1 for of_part in factors.values())
    return {place: of_part.pop() for place, of_part in factors.items()}


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (
            lambda: models.bert_encoder(tiny.config()),
            {"embeddings": 0.125, "encoder/block_0": 0.25, "encoder/block_1": 0.5, "pooler": 1.0},
        ),
        (
            lambda: models.distilbert_encoder(tiny.config(num_segments=0), pooler=True),
            {"embeddings": 0.125, "encoder/block_0": 0.25, "encoder/block_1": 0.5, "pooler": 1.0},
        ),
        (
            lambda: models.electra_encoder(tiny.config(embedding_dim=4), pooler=True),
            {"embeddings": 0.125, "encoder/block_0": 0.25, "encoder/block_1": 0.5, "pooler": 1.0},
        ),
        (
            lambda: models.modernbert_encoder(MODERN, pooler=True),
            {"embeddings": 0.125, "encoder/block_0": 0.25, "encoder/block_1": 0.5, "final_norm": 1.0, "pooler": 1.0},
        ),
        (
            lambda: models.albert_encoder(ALBERT),
            {
                "embeddings": 0.5**5,
                "encoder/group_0_block_0": 0.5**4,
                "encoder/group_0_block_1": 0.5**3,
                "encoder/group_1_block_0": 0.5**2,
                "encoder/group_1_block_1": 0.5,
                "pooler": 1.0,
            },
        ),
    ],
    ids=["bert", "distilbert", "electra", "modernbert", "albert"],
)
def test_every_part_has_the_rate_of_its_depth(encoder, expected):
    model = models.text_classifier(encoder(), num_classes=2)
    assert by_place(model) == {**expected, "classification": 1.0}


def test_twelve_blocks_are_counted_as_numbers():
    model = models.bert_encoder(tiny.config(num_layers=12), pooler=False)
    expected = {f"encoder/block_{number}": 0.5 ** (12 - number) for number in range(12)}
    assert by_place(model) == {"embeddings": 0.5**13, **expected}


def test_frozen_blocks_count_for_the_depth_of_the_others():
    model = models.bert_encoder(tiny.config(num_layers=3), pooler=False)
    models.freeze(model, blocks=2)
    assert by_place(model) == {"encoder/block_2": 0.5}


def test_a_tied_masked_lm_head_learns_at_its_own_rate_and_its_matrix_at_that_of_the_embeddings():
    assert by_place(models.masked_lm(models.bert_encoder(tiny.config(), pooler=False))) == {
        "embeddings": 0.125,
        "encoder/block_0": 0.25,
        "encoder/block_1": 0.5,
        "masked_lm": 1.0,
    }


def test_lora_matrices_learn_at_the_rate_of_their_block():
    model = models.text_classifier(models.bert_encoder(tiny.config()), num_classes=2)
    compress.add_lora(model, rank=2)
    assert by_place(model) == {"encoder/block_0": 0.25, "encoder/block_1": 0.5, "pooler": 1.0, "classification": 1.0}


def test_a_model_without_named_blocks_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="only")])
    model.compile(adamw(0.1, total_steps=10, layer_decay=0.9), loss="mse")
    with pytest.raises(ValueError, match=r"only/kernel.*Name the blocks"):
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))


@pytest.mark.parametrize("decay", [0.0, -0.5, 1.5])
@pytest.mark.parametrize("optimizer", [adamw, lamb])
def test_a_decay_out_of_range_is_refused(optimizer, decay):
    with pytest.raises(ValueError, match=f"in \\(0, 1\\].*Received: {decay}"):
        optimizer(1e-3, total_steps=10, layer_decay=decay)


def named_weights():
    """One matrix and one bias for the embeddings, each of two blocks, and a head."""
    rng = np.random.default_rng(0)
    weights = []
    for name in ("embeddings", "block_0", "block_1", "head"):
        with keras.name_scope(name):
            weights += [
                keras.Variable(rng.normal(size=(3, 2)), name="kernel"),
                keras.Variable(rng.normal(size=(2,)), name="bias"),
            ]
    return weights


FACTORS = np.repeat([0.9**3, 0.9**2, 0.9, 1.0], 2)


def adamw_by_hand(weights, gradients, rates, decay, epsilon=1e-6):
    """Loshchilov and Hutter 2019, algorithm 2, the schedule's multiplier another for every weight; in float64."""
    weights = [weight.astype("float64") for weight in weights]
    means, squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    for step, (rate, of_step) in enumerate(zip(rates, gradients, strict=True), start=1):
        for number, gradient in enumerate(of_step):
            means[number] = 0.9 * means[number] + 0.1 * gradient
            squares[number] = 0.999 * squares[number] + 0.001 * gradient**2
            update = means[number] / (1 - 0.9**step) / (np.sqrt(squares[number] / (1 - 0.999**step)) + epsilon)
            if weights[number].ndim > 1:
                update = update + decay * weights[number]
            weights[number] = weights[number] - rate * FACTORS[number] * update
    return weights


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_ten_steps_are_those_of_an_adamw_with_a_rate_for_each_weight(decay):
    weights = named_weights()
    before = [weight.numpy() for weight in weights]
    rng = np.random.default_rng(1)
    gradients = [[rng.normal(size=weight.shape) for weight in weights] for _ in range(10)]
    optimizer = adamw(
        0.1, total_steps=10, warmup_steps=4, weight_decay=decay, global_clipnorm=None, layer_decay=0.9, epsilon=1e-6
    )
    optimizer.build(weights)
    for of_step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32") for gradient in of_step], weights)
    rates = [0.1 * min((step + 1) / 4, (10 - step) / 6) for step in range(10)]
    for weight, expected in zip(weights, adamw_by_hand(before, gradients, rates, decay), strict=True):
        # Keras adds epsilon before the correction of the bias.
        np.testing.assert_allclose(weight, expected, rtol=2e-4, atol=2e-5)


def test_lambs_first_step_is_shorter_by_the_factor_of_the_depth():
    steps = []
    for decay in (None, 0.9):
        weights = named_weights()
        before = [weight.numpy() for weight in weights]
        optimizer = lamb(0.1, total_steps=10, layer_decay=decay)
        optimizer.build(weights)
        optimizer.apply([keras.ops.ones(weight.shape) for weight in weights], weights)
        steps.append([weight.numpy() - start for weight, start in zip(weights, before, strict=True)])
    for plain, decayed, factor in zip(*steps, FACTORS, strict=True):
        np.testing.assert_allclose(decayed, factor * plain, rtol=1e-4, atol=1e-7)


def test_a_loaded_model_goes_on_like_the_saved_one(tmp_path):
    model = models.text_classifier(models.bert_encoder(STILL), num_classes=2, dropout=0.0)
    model.compile(AdamW(1e-2, weight_decay=0.1, layer_decay=0.5), loss="mse", run_eagerly=True)
    features, targets = {name: np.ones((2, 3), "int32") for name in model.input}, np.ones((2, 2))
    model.train_on_batch(features, targets)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.layer_decay == 0.5
    for each in (model, again):
        each.train_on_batch(features, targets)
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_two_replicas_train_like_one_device(mirrored):
    def weights(scope):
        keras.utils.set_random_seed(0)
        with scope:
            inputs = keras.Input((3,))
            outputs = keras.layers.Dense(2, name="head")(keras.layers.Dense(4, "tanh", name="block_0")(inputs))
            model = keras.Model(inputs, outputs)
            # Without clipping, for which Keras takes the gradients of each replica by themselves.
            model.compile(adamw(0.1, total_steps=10, global_clipnorm=None, layer_decay=0.5), loss="mse")
        rng = np.random.default_rng(1)
        model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), batch_size=4, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    one = weights(keras.name_scope("one"))
    for mine, theirs in zip(weights(mirrored.scope()), one, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
