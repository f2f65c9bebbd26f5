"""Adam in one kernel: the same numbers as Keras' operations, in every form in which a step is taken."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import models
from keras_bert_layers.training import AdamW, adamw


class PlainAdamW(keras.optimizers.AdamW):
    """Keras' own operations, with the same weights decayed, and epsilon where the paper has it."""

    def update_step(self, gradient, variable, learning_rate):
        plain = self.epsilon
        self.epsilon = plain * keras.ops.sqrt(1 - self.beta_2 ** keras.ops.cast(self.iterations + 1, "float32"))
        super().update_step(gradient, variable, learning_rate)
        self.epsilon = plain

    def _use_weight_decay(self, variable):
        return len(variable.shape) > 1

    def apply(self, grads, trainable_variables=None):
        super().apply([tf.convert_to_tensor(gradient) for gradient in grads], trainable_variables)


def trained(make, steps=4, strategy=None, dtype="float32", **compile_arguments):
    """Weights and slots after a few steps on classes of token ids."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 8, (steps * 8, 6)).astype("int32")
    x = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": np.ones_like(ids)}
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        keras.config.set_dtype_policy(dtype)
        model = models.text_classifier(models.bert_encoder(tiny.config(dropout=0.0, attention_dropout=0.0)), 2, 0.0)
        keras.config.set_dtype_policy("float32")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(make(), loss=loss, **compile_arguments)
    model.fit(x, rng.integers(0, 2, steps * 8), batch_size=8, shuffle=False, verbose=0)
    return model.get_weights(), [variable.numpy() for variable in model.optimizer.variables]


SETTINGS = {"learning_rate": 1e-2, "weight_decay": 0.1, "global_clipnorm": 0.5, "epsilon": 1e-6}


@pytest.mark.parametrize("compile_arguments", [{}, {"jit_compile": True}], ids=["graph", "xla"])
def test_weights_and_slots_are_those_of_keras(compile_arguments):
    plain = trained(lambda: PlainAdamW(**SETTINGS), **compile_arguments)
    fused = trained(lambda: AdamW(**SETTINGS), **compile_arguments)
    for expected, got in zip(plain, fused, strict=True):
        for one, other in zip(expected, got, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


def test_two_replicas_take_the_steps_of_one_device(mirrored):
    # Clipping is left out: Keras clips what each replica has.
    settings = {**SETTINGS, "global_clipnorm": None}
    one = trained(lambda: AdamW(**settings))
    two = trained(lambda: AdamW(**settings), strategy=mirrored)
    for expected, got in zip(one[0], two[0], strict=True):
        np.testing.assert_allclose(expected, got, rtol=1e-3, atol=1e-5)


def test_the_slots_are_those_of_keras():
    plain, fused = keras.optimizers.AdamW(1e-3), AdamW(1e-3)
    weights = [keras.Variable(np.ones((2, 3)))]
    plain.build(weights)
    fused.build(weights)
    assert [v.path.split("/")[-1] for v in plain.variables] == [v.path.split("/")[-1] for v in fused.variables]
    assert [v.shape for v in plain.variables] == [v.shape for v in fused.variables]


def test_a_token_that_stands_twice_counts_once_in_the_norm():
    table = keras.Variable(np.zeros((4, 1), "float32"))
    optimizer = adamw(1.0, total_steps=10)
    optimizer.build([table])
    # Rows 1 and 1 of the gradient: 3 + 4 in one place, a norm of 7 where the slices have 5.
    slices = tf.IndexedSlices(tf.constant([[3.0], [4.0]]), tf.constant([1, 1]), tf.constant([4, 1]))
    seen = []
    clip = optimizer._clip_gradients
    optimizer._clip_gradients = lambda gradients: seen.extend(clip(gradients)) or seen
    optimizer.apply([slices], [table])
    np.testing.assert_allclose(seen[0], [[0.0], [1.0], [0.0], [0.0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, np.inf, np.nan])
def test_gradients_are_clipped_as_keras_does(size, dtype):
    rng = np.random.default_rng(0)
    gradients = [keras.ops.cast(size * rng.normal(size=shape), dtype) for shape in ((3, 4), (5,))] + [None]
    found = adamw(1.0, total_steps=10, global_clipnorm=0.5)._clip_gradients(gradients)
    # The squares of large numbers do not fit in half precision.
    wide = [None if gradient is None else keras.ops.cast(gradient, "float32") for gradient in gradients]
    expected = keras.optimizers.AdamW(1.0, global_clipnorm=0.5)._clip_gradients(wide)
    assert found[2] is expected[2] is None
    for mine, theirs in zip(found[:2], expected[:2], strict=True):
        assert keras.backend.standardize_dtype(mine.dtype) == dtype
        np.testing.assert_allclose(keras.ops.cast(mine, "float32"), theirs, rtol=1e-6 if dtype == "float32" else 2e-3)


@pytest.mark.parametrize("settings", [{"clipnorm": 0.5}, {"clipvalue": 0.1}, {}])
def test_other_ways_to_clip_are_those_of_keras(settings):
    gradients = [keras.ops.ones((2, 2))]
    found, expected = (kind(1.0, **settings)._clip_gradients(gradients) for kind in (AdamW, keras.optimizers.AdamW))
    np.testing.assert_array_equal(found[0], expected[0])


def test_amsgrad_is_computed_as_keras_does():
    weights = {}
    for kind in (keras.optimizers.AdamW, AdamW):
        weight = keras.Variable(np.ones((2, 2), "float32"))
        optimizer = kind(0.1, weight_decay=0.0, amsgrad=True)
        optimizer.build([weight])
        for size in (3.0, 0.1):
            optimizer.apply([keras.ops.full((2, 2), size)], [weight])
        weights[kind] = weight.numpy()
    np.testing.assert_array_equal(*weights.values())


def test_epsilon_counts_as_in_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch: pip install torch")
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 4)), rng.normal(size=(5, 3, 4)) * 1e-6
    weight, theirs = keras.Variable(start.astype("float32")), torch.nn.Parameter(torch.tensor(start).float())
    ours = AdamW(1e-2, weight_decay=0.1, epsilon=1e-6)
    ours.build([weight])
    other = torch.optim.AdamW([theirs], lr=1e-2, weight_decay=0.1, eps=1e-6)
    for gradient in gradients.astype("float32"):
        ours.apply([keras.ops.convert_to_tensor(gradient)], [weight])
        theirs.grad = torch.tensor(gradient)
        other.step()
    np.testing.assert_allclose(weight.numpy(), theirs.detach().numpy(), atol=1e-6)
