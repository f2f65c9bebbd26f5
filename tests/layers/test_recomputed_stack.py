"""A stack that computes its activations again trains as one that keeps them: same values, gradients, random numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized
from tensorflow.python.eager import context

from keras_bert_layers import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 8)).astype("float32")
Y = RNG.normal(size=(4, 6, 8)).astype("float32")
MASK = (np.arange(6) < np.array([[6], [2], [4], [6]])).astype("int32")

STACKS = {
    "blocks": {"blocks": 3},
    "shared": {"blocks": 2, "order": [0, 1, 0]},
    "with_padding": {"blocks": 2, "unpad": False},
}
stacks = pytest.mark.parametrize("settings", STACKS.values(), ids=STACKS.keys())
ways = pytest.mark.parametrize("way", ["eager", "graph", "compiled"])


def model_of(recompute, blocks=2, dropout=0.3, **settings):
    keras.utils.set_random_seed(1)
    stack = layers.EncoderStack(
        [layers.TransformerEncoder(12, 2, dropout=dropout) for _ in range(blocks)], recompute=recompute, **settings
    )
    x, mask = keras.Input((None, 8), name="x"), keras.Input((None,), dtype="int32", name="mask")
    return randomized_weights(keras.Model({"x": x, "mask": mask}, stack(x, padding_mask=mask)))


def randomized_weights(model):
    """Random weights, the states of seed generators left alone."""
    states = [(variable, variable.numpy()) for variable in model.non_trainable_variables]
    randomized(model)
    for variable, value in states:
        variable.assign(value)
    return model


def states_of(model):
    return [np.asarray(variable) for variable in model.non_trainable_variables]


def step_of(model, way):
    weights = [weight.value for weight in model.trainable_variables]

    def step(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = model({"x": x, "mask": mask}, training=True)
            loss = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        return [outputs, *tape.gradient(loss, [x, *weights])]

    return step if way == "eager" else tf.function(step, jit_compile=way == "compiled")


@stacks
@ways
def test_outputs_gradients_and_random_states_are_those_of_kept_activations(settings, way):
    results = []
    for recompute in (False, True):
        model = model_of(recompute, **settings)
        step = step_of(model, way)
        # The second step draws from where the first has left the states.
        results.append(
            [*step(tf.constant(X), tf.constant(MASK)), *step(tf.constant(X), tf.constant(MASK)), *states_of(model)]
        )
    first, second = results[1][0], results[1][len(model.trainable_variables) + 2]
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0.1
    for kept, again in zip(*results, strict=True):
        np.testing.assert_allclose(again, kept, rtol=0, atol=2e-6 * max(1, np.abs(kept).max()))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fitting_gives_the_same_weights(jit_compile, policy):
    keras.config.set_dtype_policy(policy)
    weights = []
    for recompute in (False, True):
        model = model_of(recompute)
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        model.fit({"x": X, "mask": MASK}, Y, batch_size=2, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for kept, again in zip(*weights, strict=True):
        np.testing.assert_allclose(again, kept, rtol=0, atol=1e-6 if policy == "float32" else 2e-2)


def test_replicas_train_as_with_kept_activations(mirrored):
    weights = []
    for recompute in (False, True):
        with mirrored.scope():
            model = model_of(recompute)
            model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit({"x": X, "mask": MASK}, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for kept, again in zip(*weights, strict=True):
        np.testing.assert_allclose(again, kept, rtol=0, atol=1e-6)


@ways
def test_every_block_runs_twice_in_a_training_step_and_once_without_one(way):
    calls = []

    class Counting(layers.FeedForward):
        def call(self, inputs, training=None):
            calls.append(training)
            return super().call(inputs, training=training)

    blocks = [layers.TransformerEncoder(num_heads=2, feed_forward=Counting(12)) for _ in range(2)]
    stack = layers.EncoderStack(blocks, recompute=True)
    stack(X)
    assert len(calls) == 2
    calls.clear()
    x, mask = keras.Input((6, 8), name="x"), keras.Input((6,), dtype="int32", name="mask")
    model = keras.Model({"x": x, "mask": mask}, stack(x, padding_mask=mask))
    calls.clear()
    step_of(model, way)(tf.constant(X), tf.constant(MASK))
    assert calls == [True] * 4


def test_frozen_and_adapted_weights_stay_as_they_are():
    gradients = []
    for recompute in (False, True):
        model = model_of(recompute, dropout=0.0)
        block = model.layers[-1].blocks[0]
        block.feed_forward.trainable = False
        block.attention.query.enable_lora(2)
        block.attention.query.lora_kernel_b.assign(keras.ops.ones_like(block.attention.query.lora_kernel_b) * 0.1)
        gradients.append(step_of(model, "eager")(tf.constant(X), tf.constant(MASK)))
    for kept, again in zip(*gradients, strict=True):
        np.testing.assert_allclose(again, kept, rtol=0, atol=1e-5)


def test_a_block_with_a_loss_of_its_own_is_refused():
    block = layers.TransformerEncoder(12, 2, activity_regularizer=keras.regularizers.L2(0.1))
    stack = layers.EncoderStack([block], recompute=True)
    with tf.GradientTape(), pytest.raises(ValueError, match=r"adds a loss in its call.*recompute=False"):
        stack(X, training=True)


def test_the_optimized_graph_still_computes_twice():
    """A graph optimizer that saw the same computation twice would keep the first for the second."""

    def products(function):
        @tf.function(input_signature=[tf.TensorSpec((None, 8)), tf.TensorSpec((8, 8))])
        def step(x, kernel):
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                loss = tf.reduce_sum(function(lambda x, kernel: tf.sin(tf.tanh(x) @ kernel), [x, kernel]))
            return tape.gradient(loss, [x, kernel])

        context.enable_run_metadata()
        step(X[0], X[0, :1] * np.ones((8, 1), "float32"))
        graphs = context.export_run_metadata().partition_graphs
        context.disable_run_metadata()
        return sum(node.op == "Tanh" for graph in graphs for node in graph.node)

    assert products(lambda function, inputs: function(*inputs)) == 1
    assert products(ops.recompute) == 2
