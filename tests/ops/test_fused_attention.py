"""Fused attention without a GPU: the calls as text, and the results with a stand-in for the kernel.

The text is compared with what JAX hands to the same compiler, the results with attention in separate operations.
"""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from cudnn_attention import Kernel, calls

from keras_bert_layers import ops
from keras_bert_layers.ops import attention_choice
from keras_bert_layers.ops import fused_attention as fused
from keras_bert_layers.ops.fused_attention_module import backward_module, forward_module

BATCH, HEADS, LENGTH, SIZE = 3, 2, 6, 8
SHAPE = (BATCH, LENGTH, HEADS, SIZE)
LENGTHS = np.array([6, 3, 0], "int32")


def floats(seed):
    return np.random.default_rng(seed).normal(size=(BATCH, HEADS, LENGTH, SIZE)).astype("float32")


def padding_mask():
    return np.arange(LENGTH) < LENGTHS[:, None]


def packed():
    pack_ids = np.array([[1, 1, 2, 2, 2, 3], [1, 1, 1, 0, 0, 0], [0] * 6], "int32")
    return ops.attention_mask(pack_ids=pack_ids)


MASKS = {
    "nothing": dict,
    "lengths": lambda: {"lengths": LENGTHS},
    "padding": lambda: {"mask": ops.attention_mask(padding_mask=padding_mask())},
    "padding_anywhere": lambda: {"mask": ops.attention_mask(padding_mask=np.array([[1, 0, 1, 1, 0, 1]] * 3))},
    "packed_rows": lambda: {"mask": packed()},
    "window": lambda: {"mask": ops.attention_mask(window=ops.sliding_window(LENGTH, 2))},
    "of_each_head": lambda: {"mask": np.random.default_rng(5).integers(0, 2, (BATCH, HEADS, LENGTH, LENGTH)) > 0},
    "over_keys_only": lambda: {"mask": np.array([1, 1, 0, 1, 0, 0], bool)},
}
masked = pytest.mark.parametrize("given", MASKS.values(), ids=MASKS.keys())


@pytest.fixture
def kernel(monkeypatch):
    """What the calls are defined to compute, in their place."""
    kernel = Kernel()
    monkeypatch.setattr(fused, "_call_module", kernel)
    return kernel


def results(attend, masks):
    """The context, and the gradients of a sum over it with weights of its own at every place."""
    query, key, value, weights = (tf.constant(floats(seed)) for seed in range(4))
    with tf.GradientTape() as tape:
        tape.watch((query, key, value))
        context = attend(query, key, value, **masks)
        total = tf.reduce_sum(context * weights)
    return [context, *tape.gradient(total, (query, key, value))]


@masked
def test_results_and_gradients_are_those_of_separate_operations(kernel, given):
    expected = results(ops.attention, given())
    assert not kernel.modules
    for found, value in zip(results(fused.fused_attention, given()), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=2e-6)
    suffix = "ScaleBiasSoftmax" if "mask" in given() else "Softmax"
    assert kernel.targets == [f"__cudnn$fmha{suffix}", f"__cudnn$fmha{suffix}Backward"]


@masked
@pytest.mark.parametrize("compiled", [False, True])
def test_the_gradient_reaches_into_a_function(kernel, given, compiled):
    expected = results(ops.attention, given())
    function = tf.function(fused.fused_attention, jit_compile=compiled)
    for found, value in zip(results(function, given()), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["lengths", "padding", "packed_rows"])
def test_a_row_of_padding_gives_zeros_and_no_gradient(kernel, name):
    context, *gradients = results(fused.fused_attention, MASKS[name]())
    np.testing.assert_array_equal(context[2], 0.0)
    for gradient in gradients:
        np.testing.assert_array_equal(gradient[2], 0.0)
        assert np.abs(gradient[0]).max() > 1e-3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["nothing", "lengths", "packed_rows"])
def test_half_precision_stays_half_precision_and_finite(kernel, dtype, name):
    query, key, value = (tf.cast(floats(seed), dtype) for seed in range(3))
    with tf.GradientTape() as tape:
        tape.watch(query)
        context = fused.fused_attention(query, key, value, **MASKS[name]())
    gradient = tape.gradient(context, query)
    assert context.dtype == gradient.dtype == dtype
    assert np.isfinite(tf.cast(context, "float32")).all()
    assert np.isfinite(tf.cast(gradient, "float32")).all()
    expected = ops.attention(*(tf.constant(floats(seed)) for seed in range(3)), **MASKS[name]())
    np.testing.assert_allclose(tf.cast(context, "float32"), expected, rtol=0, atol=0.02)
    bias_type = {"bfloat16": "bf16", "float16": "f16"}[dtype]
    assert all(f"x{bias_type}>" in kind for kind in calls(kernel.modules[0])[0].operand_types[:3])


def test_no_transposition_is_left_between_the_projections_and_the_kernel(monkeypatch):
    # The stand-in is one operation on tensors as the kernel takes and gives them.
    monkeypatch.setattr(fused, "_call_module", lambda module, operands, results: (sum(operands), None))

    @tf.function(jit_compile=True)
    def attend(query, key, value):
        heads = [ops.split_heads(x, HEADS) for x in (query, key, value)]
        return ops.merge_heads(fused.fused_attention(*heads))

    inputs = [tf.ones((BATCH, LENGTH, HEADS * SIZE))] * 3
    program = attend.experimental_get_compiler_ir(*inputs)
    assert "transpose(" in program(stage="hlo")
    assert "transpose(" not in program(stage="optimized_hlo")


# What the calls look like, written from JAX 0.10's for the same operation.
HALF = "tensor<3x6x2x8xbf16>"
HEADS_FIRST = "tensor<3x2x6x8xbf16>"
STATISTIC = "tensor<3x2x6xf32>"
ROWS, ROW, LYING_LENGTHS_FIRST = "[3, 2, 1, 0]", "0", "[3, 1, 2, 0]"
FORMS = {
    "plain": ({}, [], []),
    "lengths": ({"lengths": True}, [], ["tensor<3xi32>"] * 2),
    "bias": ({"bias_shape": (3, 1, 6, 6)}, ["tensor<3x1x6x6xbf16>"], []),
    "bias_of_heads": ({"bias_shape": (1, 2, 6, 6)}, ["tensor<1x2x6x6xbf16>"], []),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@forms
def test_the_forward_call(form):
    options, bias, lengths = form
    (call,) = calls(forward_module(SHAPE, "bfloat16", **options))
    assert call.target == ("__cudnn$fmhaScaleBiasSoftmax" if bias else "__cudnn$fmhaSoftmax")
    assert call.operands[:3] == ["%query", "%key", "%value"]
    assert call.operand_types == [HALF, HALF, HALF, *bias, *lengths]
    assert call.operand_layouts == [ROWS] * 3 + [ROWS] * len(bias) + [ROW] * len(lengths)
    assert call.result_types == [HEADS_FIRST, STATISTIC, "tensor<0xui8>"]
    assert call.result_layouts == [LYING_LENGTHS_FIRST, "[2, 1, 0]", ROW]


@forms
def test_the_backward_call(form):
    options, bias, lengths = form
    (call,) = calls(backward_module(SHAPE, "bfloat16", **options))
    assert call.target == ("__cudnn$fmhaScaleBiasSoftmaxBackward" if bias else "__cudnn$fmhaSoftmaxBackward")
    names = ["%query", "%key", "%value", "%statistic", "%d_output", *(["%bias"] if bias else []), "%output"]
    assert call.operands == names + ["%lengths"] * len(lengths)
    assert call.operand_types == [HALF, HALF, HALF, STATISTIC, HALF, *bias, HALF, *lengths]
    assert call.operand_layouts == [ROWS] * 3 + ["[2, 1, 0]"] + [ROWS] * (2 + len(bias)) + [ROW] * len(lengths)
    assert call.result_types == [HEADS_FIRST] * 3 + ["tensor<0xui8>"]
    assert call.result_layouts == [LYING_LENGTHS_FIRST] * 3 + [ROW]


@pytest.mark.parametrize("module", [forward_module, backward_module])
def test_the_settings_name_scale_type_and_mask(module):
    (call,) = calls(module((3, 6, 2, 16), "float16", lengths=True))
    settings = call.config["cudnn_fmha_backend_config"]
    assert settings["fmha_scale"] == 0.25
    assert settings["mask_type"] == "PADDING"
    assert settings["intermediate_tensor_shape"]["element_type"] == "F16"
    assert settings["intermediate_tensor_shape"]["dimensions"] == ["3", "2", "6", "6"]
    assert settings["dropout_rate"] == 0.0
    assert calls(module(SHAPE, "bfloat16"))[0].config["cudnn_fmha_backend_config"]["mask_type"] == "NO_MASK"


# Left summed axis, left batch axes, right summed axis, right batch axes, of [B, S, N, D] and [B, N, S, S].
PRODUCTS = {
    forward_module: {"bmm1": "3 02 3 02", "bmm2": "3 01 1 02"},
    backward_module: {
        "bmm1_grad_gemm1": "2 01 1 02",
        "bmm1_grad_gemm2": "3 01 1 02",
        "bmm2_grad_gemm1": "2 01 1 02",
        "bmm2_grad_gemm2": "3 02 3 02",
    },
}


@pytest.mark.parametrize("module", PRODUCTS)
def test_the_settings_name_the_axes_of_every_product(module):
    settings = calls(module(SHAPE, "bfloat16"))[0].config["cudnn_fmha_backend_config"]
    found = {}
    for name, axes in settings.items():
        if name.endswith("_dot_dimension_numbers"):
            sides = [axes[f"{side}_{kind}_dimensions"] for side in ("lhs", "rhs") for kind in ("contracting", "batch")]
            found[name.removesuffix("_dot_dimension_numbers")] = " ".join("".join(side) for side in sides)
    assert found == PRODUCTS[module]


def without_defaults(config):
    """Of a protocol buffer in JSON: zeros, empty values and unset choices say nothing, nor does an unused seed."""
    if isinstance(config, dict):
        kept = {
            # Those are pairs of the caller's, of which zeros say something.
            name: value if name == "tuning_knobs" else without_defaults(value)
            for name, value in config.items()
            if name != "seed"
        }
        return {name: value for name, value in kept.items() if value not in (0, "0", [], {}, "PRIMITIVE_TYPE_INVALID")}
    return config


@pytest.fixture
def jax(monkeypatch):
    """JAX, where it is: its checks for a GPU answer as on one of the Hopper generation."""
    jax = pytest.importorskip("jax", reason="jax is not installed: its calls cannot be compared")
    stablehlo = pytest.importorskip("jax._src.cudnn.fused_attention_stablehlo")
    monkeypatch.setattr(stablehlo, "check_cudnn_version", lambda: 91100)
    monkeypatch.setattr(stablehlo, "check_compute_capability", lambda capability: True)
    monkeypatch.setattr(stablehlo, "is_cuda_compute_capability_equal", lambda capability: False)
    return jax


def jax_calls(jax, dtype, lengths=False, bias_shape=None):
    """What JAX calls for the output and the gradients of queries, keys and values."""

    def attend(query, key, value, bias, lengths):
        return jax.nn.dot_product_attention(
            query,
            key,
            value,
            bias,
            query_seq_lengths=lengths,
            key_value_seq_lengths=lengths,
            implementation="cudnn",
        )

    def step(query, key, value, upstream, bias, lengths):
        output, pullback = jax.vjp(lambda *heads: attend(*heads, bias, lengths), query, key, value)
        return output, pullback(upstream)

    heads = jax.ShapeDtypeStruct(SHAPE, dtype)
    bias = None if bias_shape is None else jax.ShapeDtypeStruct(bias_shape, dtype)
    lengths = jax.ShapeDtypeStruct((BATCH,), "int32") if lengths else None
    traced = jax.jit(step).trace(heads, heads, heads, heads, bias, lengths)
    return calls(traced.lower(lowering_platforms=("cuda",)).as_text())


@forms
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_calls_are_those_that_jax_makes(jax, form, dtype):
    theirs = jax_calls(jax, dtype, **form[0])
    ours = [calls(module(SHAPE, dtype, **form[0]))[0] for module in (forward_module, backward_module)]
    assert len(theirs) == 2
    if "bias_shape" in form[0]:
        # JAX asks for the gradient of the bias too, and throws it away.
        del theirs[1].result_types[3], theirs[1].result_layouts[3]
    for found, expected in zip(ours, theirs, strict=True):
        assert found._replace(operands=[], config={}) == expected._replace(operands=[], config={})
        assert len(found.operands) == len(expected.operands)
        assert without_defaults(found.config) == without_defaults(expected.config)


@pytest.fixture
def lowered_anywhere(monkeypatch):
    """Modules for CUDA pass the compiler of another platform, as far as the program that it optimizes."""
    from tensorflow.compiler.tf2xla.python import xla

    call_module = xla.call_module
    monkeypatch.setattr(
        xla, "call_module", lambda *args, **kwargs: call_module(*args, **kwargs, disabled_checks=["platform"])
    )


@masked
def test_the_compiler_receives_the_calls(lowered_anywhere, given):
    @tf.function(jit_compile=True)
    def step(query, key, value):
        with tf.GradientTape() as tape:
            tape.watch((query, key, value))
            context = fused.fused_attention(query, key, value, **given())
        return context, tape.gradient(context, (query, key, value))

    inputs = [tf.zeros((BATCH, HEADS, LENGTH, SIZE), "bfloat16")] * 3
    program = step.experimental_get_compiler_ir(*inputs)(stage="hlo")
    forward, backward = [line for line in program.splitlines() if "custom-call(" in line]
    kind = "ScaleBiasSoftmax" if "mask" in given() else "Softmax"
    assert f'custom_call_target="__cudnn$fmha{kind}"' in forward
    assert f'custom_call_target="__cudnn$fmha{kind}Backward"' in backward
    assert "= (bf16[3,2,6,8]{3,1,2,0}, f32[3,2,6]{2,1,0}, u8[0]{0}) custom-call(" in forward
    assert f"= ({'bf16[3,2,6,8]{3,1,2,0}, ' * 3}u8[0]{{0}}) custom-call(" in backward
    heads = "bf16[3,6,2,8]{3,2,1,0}"
    assert f"operand_layout_constraints={{{heads}, {heads}, {heads}" in forward
    assert f"operand_layout_constraints={{{heads}, {heads}, {heads}, f32[3,2,6]{{2,1,0}}, {heads}" in backward
    assert ("s32[3]{0}, s32[3]{0}}" in forward) == ("lengths" in given())
    for line in (forward, backward):
        assert "api_version=API_VERSION_STATUS_RETURNING" in line
        config = json.loads(re.search(r"backend_config=(\{.*\})", line)[1])
        assert config["cudnn_fmha_backend_config"]["fmha_scale"] == pytest.approx(SIZE**-0.5)


def test_attention_takes_lengths_or_a_mask():
    with pytest.raises(ValueError, match="received both"):
        ops.attention(floats(0), floats(1), floats(2), mask=np.ones((1, 1, 6, 6), bool), lengths=LENGTHS)


def test_lengths_are_a_mask_over_keys_that_leaves_nothing_at_padding():
    query, key, value = (floats(seed) for seed in range(3))
    by_lengths = np.asarray(ops.attention(query, key, value, lengths=LENGTHS))
    by_mask = np.asarray(ops.attention(query, key, value, ops.attention_mask(padding_mask=padding_mask())))
    real = np.broadcast_to(padding_mask()[:, None, :, None], by_mask.shape)
    np.testing.assert_array_equal(by_lengths, np.where(real, by_mask, 0.0))
    assert np.abs(by_mask[~real]).max() > 1e-3


@pytest.mark.parametrize("flash_attention", [None, False])
def test_a_row_of_negative_length_is_not_a_number(flash_attention):
    lengths = np.array([6, -1, 0], "int32")
    context = np.asarray(
        ops.attention(floats(0), floats(1), floats(2), lengths=lengths, flash_attention=flash_attention)
    )
    assert np.isnan(context[1]).all()
    assert np.isfinite(context[[0, 2]]).all()


def test_a_row_of_negative_length_is_not_a_number_when_fused(kernel, monkeypatch):
    monkeypatch.setattr(attention_choice, "_compute_capability", lambda: (9, 0))
    inputs = [tf.cast(floats(seed), "bfloat16") for seed in range(3)]
    attend = tf.function(ops.attention, jit_compile=True)
    context = tf.cast(attend(*inputs, lengths=np.array([6, -1, 0], "int32")), "float32").numpy()
    assert kernel.targets == ["__cudnn$fmhaSoftmax"]
    assert np.isnan(context[1]).all()
    assert np.isfinite(context[[0, 2]]).all()


@pytest.mark.parametrize("mask", [[[1, 1, 0], [1, 1, 1], [0, 0, 0]], [[True, True, False]]])
def test_row_lengths_count_the_real_tokens(mask):
    np.testing.assert_array_equal(ops.row_lengths(np.array(mask)), np.sum(mask, axis=-1))
    assert ops.row_lengths(np.array(mask)).dtype == "int32"


def test_a_real_token_after_padding_breaks_the_promise():
    mask = np.array([[1, 0, 1], [1, 1, 0]])
    with pytest.raises(ValueError, match=r"A real token stands after padding.*right_padded=False"):
        ops.row_lengths(mask)
    with pytest.raises(tf.errors.InvalidArgumentError, match="A real token stands after padding"):
        tf.function(ops.row_lengths)(mask)
    np.testing.assert_array_equal(tf.function(ops.row_lengths, jit_compile=True)(mask), [-1, 2])
