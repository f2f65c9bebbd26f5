"""The matrix product in integers of eight bits, at a third of the time of float32 on CPUs with oneDNN."""

import functools
import math
from collections.abc import Callable

import keras
from keras import ops

from keras_bert_layers.ops.activations import gelu_tanh
from keras_bert_layers.ops.tracing import shapes_may_vary

# Largest integer in use, of both signs: -128 has no opposite.
LIMIT = 127
# A row of zeros has the range of its largest number too.
_SMALLEST = 1e-7
# What the kernel can apply to the sums on its way out.
_IN_KERNEL = {
    keras.activations.relu: "Relu",
    keras.activations.tanh: "Tanh",
    keras.activations.gelu: "GeluExact",
    gelu_tanh: "GeluApproximate",
}


def quantized_linear(
    inputs,
    kernel,
    kernel_step,
    bias=None,
    activation: Callable | None = None,
    inputs_range=None,
    transposed: bool = False,
):
    """activation(s_x s_W (x_q W_q) + b): x ≈ s_x x_q and W ≈ s_W W_q, integers of eight bits that are summed exactly.

    s_W is a number for each column of W. Without `inputs_range`, so is s_x for each row of x, r / 127 with r the row's
    largest absolute value: no row depends on another. With it, s_x = `inputs_range` / 127 for all rows, larger values
    are cut to it, and everything is one kernel.

    Where there is a kernel for it (`runs_in_integers`), it is used; elsewhere the same integers are multiplied as
    floats. A graph that was made with the kernel and is run on a CPU that adds such integers up wrong, one without
    VNNI, fails with a message. It has no derivative.

    Args:
        inputs: float [..., I]; in another dtype than float32, they are cast, and so is what comes out.
        kernel: int8 [I, O], W_q, from -127 to 127.
        kernel_step: float32 [O], s_W.
        bias: float [O]. Defaults to none.
        activation: function of a tensor. Defaults to the identity.
        inputs_range: float scalar > 0. Defaults to `None`: that of each row.
        transposed: bool. Whether `kernel` is [O, I]. Defaults to `False`.

    Returns:
        float [..., O], of the dtype of `inputs`.

    Example:
        >>> import numpy as np
        >>> kernel = np.array([[127], [-127]], "int8")
        >>> quantized_linear(np.array([[1.0, 0.5]], "float32"), kernel, np.array([0.01], "float32")).numpy().round(2)
        array([[0.63]], dtype=float32)
    """
    inputs = ops.convert_to_tensor(inputs)
    rows = ops.reshape(ops.cast(inputs, "float32"), (-1, inputs.shape[-1]))
    kernel, kernel_step = ops.convert_to_tensor(kernel), ops.cast(kernel_step, "float32")
    units = kernel_step.shape[0]
    bias = ops.zeros((units,), "float32") if bias is None else ops.cast(bias, "float32")
    product = _product_in_kernel if runs_in_integers() else _product_of_floats
    if inputs_range is None:
        # Two reductions read the rows twice; absolute values would be written down first.
        ranges = ops.maximum(
            ops.max(rows, axis=-1, keepdims=True, initial=_SMALLEST),
            -ops.min(rows, axis=-1, keepdims=True, initial=-_SMALLEST),
        )
        limit, nothing = ops.convert_to_tensor(float(LIMIT)), ops.zeros_like(bias)
        sums = product(rows * (LIMIT / ranges), limit, kernel, kernel_step, nothing, None, transposed)
        outputs = _activated(sums, ranges / LIMIT, bias, activation)
    else:
        inputs_range = ops.maximum(ops.cast(inputs_range, "float32"), _SMALLEST)
        outputs = product(rows, inputs_range, kernel, kernel_step, bias, activation, transposed)
    outputs = ops.cast(outputs, keras.backend.standardize_dtype(inputs.dtype))
    return outputs if len(inputs.shape) == 2 else ops.reshape(outputs, (*ops.shape(inputs)[:-1], units))


def runs_in_integers() -> bool:
    """Whether `quantized_linear` uses a kernel of integers here.

    That is so on CPUs with instructions for sums of such products (VNNI: Intel since 2019, AMD since Zen 4), by a
    TensorFlow with oneDNN, outside of XLA and where no GPU is in use.

    Returns:
        bool.
    """
    if keras.backend.backend() != "tensorflow" or not shapes_may_vary():
        return False
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU") and _has_kernel()


def _activated(sums, steps, bias, activation):
    """activation(sums · steps + bias)."""
    if activation is keras.activations.gelu:
        # x Φ(x) = √½ z (1 + erf(z)) with z = √½ x: fewer passes where the first factor joins those of the rows.
        factor = math.sqrt(0.5)
        z = sums * (steps * factor) + bias * factor
        return z * (ops.erf(z) + 1.0) * factor
    outputs = sums * steps + bias
    return outputs if activation is None else activation(outputs)


def _product_of_floats(rows, inputs_range, kernel, kernel_step, bias, activation, transposed):
    """The reference: integers as float32, exact up to sums of 2^24."""
    integers = ops.clip(ops.round(rows * (LIMIT / inputs_range)), -LIMIT, LIMIT)
    kernel = ops.cast(kernel, "float32")
    sums = ops.matmul(integers, ops.transpose(kernel) if transposed else kernel)
    outputs = sums * (kernel_step * (inputs_range / LIMIT)) + bias
    return outputs if activation is None else activation(outputs)


def _product_in_kernel(rows, inputs_range, kernel, kernel_step, bias, activation, transposed):
    import tensorflow as tf

    integers = tf.raw_ops.QuantizeV2(
        input=rows,
        min_range=-inputs_range,
        max_range=inputs_range,
        T=tf.qint8,
        mode="SCALED",
        round_mode="HALF_TO_EVEN",
        narrow_range=True,
    ).output
    kernel_range = kernel_step * LIMIT
    call = _kernel(_IN_KERNEL.get(activation), transposed)
    # An exported graph may meet a CPU that was not asked when it was traced.
    with tf.control_dependencies([] if tf.executing_eagerly() else [_check_sums()]):
        bits = tf.bitcast(kernel, tf.qint8)
    outputs = call(integers, bits, bias, -inputs_range, inputs_range, -kernel_range, kernel_range)
    outputs = tf.ensure_shape(outputs, (rows.shape[0], kernel_step.shape[0]))
    return outputs if activation is None or activation in _IN_KERNEL else activation(outputs)


def _largest_sums():
    """A product of the largest integers, and what it has to be.

    Without VNNI, oneDNN adds pairs of products up in sixteen bits and cuts what does not fit.
    """
    import tensorflow as tf

    rows, columns = 16, 16
    integers = tf.bitcast(tf.fill((rows, rows), tf.constant(LIMIT, tf.int8)), tf.qint8)
    limit, steps = tf.constant(float(LIMIT)), tf.fill((columns,), float(LIMIT))
    found = _kernel(None, False)(integers, integers, tf.zeros((columns,)), -limit, limit, -steps, steps)
    return found, float(rows * LIMIT**2)


def _check_sums():
    import tensorflow as tf

    found, expected = _largest_sums()
    message = (
        "This CPU adds up products of integers of eight bits wrong: it lacks the VNNI instructions, for which this "
        "model was made. Export it on this machine, or in float32 or bfloat16."
    )
    return tf.debugging.Assert(tf.reduce_all(tf.equal(found, expected)), [message])


@functools.cache
def _kernel(activation, transposed):
    """TensorFlow's fused product, which has no Python function: with it, no pass over the sums is left to be made."""
    import tensorflow as tf

    def value(**kwargs):
        return tf.compat.v1.AttrValue(**kwargs)

    def types(*dtypes):
        return value(list=value().ListValue(type=[dtype.as_datatype_enum for dtype in dtypes]))

    fused = [b"BiasAdd", *([activation.encode()] if activation else []), b"Dequantize"]
    attributes = {
        "Tdevice_inputs": types(tf.qint8, tf.qint8, tf.float32),
        "Thost_inputs": types(*[tf.float32] * 4),
        "Tdevice_outputs": types(tf.float32),
        "Thost_outputs": types(),
        "T1": value(type=tf.qint8.as_datatype_enum),
        "T2": value(type=tf.qint8.as_datatype_enum),
        "transpose_b": value(b=transposed),
        "fused_ops": value(list=value().ListValue(s=fused)),
        "input_quant_mode": value(s=b"SCALED"),
        # Variables may change; kept in another order, the kernel would not notice.
        "is_weight_const": value(b=False),
        "is_bias_const": value(b=False),
    }

    @tf.function(autograph=False, reduce_retracing=True)
    def call(*inputs):
        graph = tf.compat.v1.get_default_graph()
        return graph.create_op("_QuantizedMatMul", inputs, [tf.float32], attrs=attributes, name="product").outputs[0]

    return call


@functools.cache
def _has_kernel():
    """Builds of TensorFlow without oneDNN lack it, and on older CPUs its sums are wrong."""
    import tensorflow as tf

    try:
        with tf.init_scope(), tf.device("CPU"):
            found, expected = _largest_sums()
            return bool(tf.reduce_all(tf.equal(found, expected)))
    except (tf.errors.OpError, ValueError, RuntimeError):
        return False
