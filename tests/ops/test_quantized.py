"""The product in integers against NumPy's, whose sums are exact."""

import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import layers, ops
from keras_bert_layers.ops import quantized

erf = np.vectorize(math.erf)
rng = np.random.default_rng(0)
KERNEL = rng.integers(-127, 128, size=(40, 24)).astype("int8")
STEP = rng.uniform(0.001, 0.01, 24).astype("float32")
BIAS = rng.normal(size=24).astype("float32")
ACTIVATIONS = {
    None: lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@pytest.fixture(params=["kernel", "floats"])
def form(request, monkeypatch):
    """Both forms: the kernel of integers and the same integers as floats."""
    if request.param == "floats":
        monkeypatch.setattr(quantized, "runs_in_integers", lambda: False)
    elif not ops.runs_in_integers():
        pytest.skip("needs a CPU with VNNI and a TensorFlow with oneDNN, whose kernel this is about")


def reference(inputs, kernel, step, bias, activation, inputs_range=None):
    """Rounded in float32, as the steps are; summed as int64."""
    ranges = np.abs(inputs).max(-1, keepdims=True) if inputs_range is None else np.float32(inputs_range)
    integers = np.clip(np.round(inputs * (np.float32(127) / ranges)), -127, 127).astype("int64")
    return activation((integers @ kernel.astype("int64")) * (step.astype("float64") * ranges / 127) + bias)


def sums(integers, kernel):
    """The sums alone: rows with a 127 in them have a step of one."""
    return np.asarray(ops.quantized_linear(integers.astype("float32"), kernel, np.ones(kernel.shape[1], "float32")))


@pytest.mark.parametrize("shape", [(5, 40), (2, 3, 40), (0, 40), (2, 0, 40)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inputs_range", [None, 1.5])
def test_it_is_the_product_of_the_integers(form, shape, activation, inputs_range):
    x = rng.normal(size=shape).astype("float32")
    function = None if activation is None else keras.activations.get(activation)
    if np.size(x):
        expected = reference(x, KERNEL, STEP, BIAS, ACTIVATIONS[activation], inputs_range)
    else:
        expected = np.zeros((*shape[:-1], 24))
    for kernel, transposed in ((KERNEL, False), (KERNEL.T.copy(), True)):
        actual = ops.quantized_linear(x, kernel, STEP, BIAS, function, inputs_range, transposed)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", [(1, 4, 8), (33, 384, 96), (7, 1536, 40), (1, 3072, 8)], ids=str)
def test_sums_are_exact_to_the_last_bit(form, size):
    """Up to 2^24 / 127² = 1040 inputs whatever they are; random ones far beyond."""
    rows, width, units = size
    integers = rng.integers(-127, 128, size=(rows, width))
    integers[:, 0] = 127
    kernel = rng.integers(-127, 128, size=(width, units)).astype("int8")
    np.testing.assert_array_equal(sums(integers, kernel), integers @ kernel.astype("int64"))


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_are_not_cut(form, sign):
    integers, kernel = np.full((5, 1024), 127), np.full((1024, 8), sign * 127, "int8")
    np.testing.assert_array_equal(sums(integers, kernel), np.full((5, 8), sign * 1024 * 127**2))


def test_a_row_does_not_depend_on_the_others(form):
    x = rng.normal(size=(6, 40)).astype("float32") * np.array([[1e-3], [1], [1e3], [0], [1], [1]], "float32")
    together = np.asarray(ops.quantized_linear(x, KERNEL, STEP, BIAS, keras.activations.gelu))
    for row, answer in zip(x, together, strict=True):
        alone = np.asarray(ops.quantized_linear(row[None], KERNEL, STEP, BIAS, keras.activations.gelu))[0]
        np.testing.assert_allclose(answer, alone, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(together[3], ACTIVATIONS["gelu"](BIAS), atol=1e-6)


def test_what_is_beyond_a_fixed_range_is_cut(form):
    within, beyond = (np.full((1, 40), value, "float32") for value in (2.0, 50.0))
    answers = [np.asarray(ops.quantized_linear(x, KERNEL, STEP, inputs_range=2.0)) for x in (within, beyond)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("inputs_range", [None, 1.5])
def test_a_graph_of_any_shape_gives_the_same(jit_compile, inputs_range):
    def call(x):
        return ops.quantized_linear(x, KERNEL, STEP, BIAS, keras.activations.gelu, inputs_range)

    graph = tf.function(call, input_signature=[tf.TensorSpec((None, None, 40))], jit_compile=jit_compile)
    x = rng.normal(size=(2, 3, 40)).astype("float32")
    assert graph.get_concrete_function().structured_outputs.shape.as_list()[-1] == 24
    np.testing.assert_allclose(graph(x), call(x), atol=2e-5)


def test_ranges_that_change_count_at_once():
    """The kernel keeps what it prepared for one range, which must not be used for another."""
    step, x = tf.Variable(STEP), rng.normal(size=(4, 40)).astype("float32")
    graph = tf.function(lambda x, limit: ops.quantized_linear(x, KERNEL, step, BIAS, None, limit))
    for factor in (1.0, 3.0, 0.5):
        step.assign(STEP * factor)
        for limit in (1.0, 4.0):
            expected = reference(x, KERNEL, STEP * np.float32(factor), BIAS, lambda y: y, limit)
            np.testing.assert_allclose(graph(x, tf.constant(limit)), expected, atol=1e-4)


def test_a_dense_layer_of_keras_rounds_alike(form):
    dense, linear = keras.layers.Dense(24, "gelu"), layers.Linear(24, "gelu")
    x = rng.normal(size=(2, 3, 40)).astype("float32")
    for layer in (dense, linear):
        layer.build(x.shape)
    linear.set_weights([rng.normal(size=(40, 24)), BIAS])
    dense.set_weights(linear.get_weights())
    dense.quantize("int8")
    linear.quantize("int8")
    np.testing.assert_allclose(linear(x), dense(x), atol=1e-5)


OLD_CPU = """
import tensorflow as tf
from keras_bert_layers import ops
from keras_bert_layers.ops import quantized
one = tf.ones((2, 64)), tf.fill((64, 8), tf.constant(127, tf.int8)), tf.ones(8)
print(ops.runs_in_integers(), ops.quantized_linear(*one)[0, 0].numpy())
quantized.runs_in_integers = lambda: True
try:
    tf.function(lambda: ops.quantized_linear(*one))()
except tf.errors.InvalidArgumentError as error:
    print("lacks the VNNI instructions" in str(error))
"""


def test_a_cpu_without_vnni_multiplies_floats_and_refuses_graphs_of_others():
    """oneDNN can be told to use the instructions of older CPUs, whose sums are wrong."""
    if not ops.runs_in_integers():
        pytest.skip("needs a CPU with VNNI, to take it away")
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}
    result = subprocess.run(
        [sys.executable, "-c", OLD_CPU], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["False 8128.0", "True"]
