"""Which form attention takes: every condition by its name, and one that is asked for is there or an error."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from cudnn_attention import Kernel, calls
from parity_weights import randomized

from keras_bert_layers import layers, ops
from keras_bert_layers.ops import attention_choice
from keras_bert_layers.ops import fused_attention as fused

SHAPE = (2, 3, 6, 8)
HEADS, WIDTH = 2, 16


@pytest.fixture
def hopper(monkeypatch):
    monkeypatch.setattr(attention_choice, "_compute_capability", lambda: (9, 0))


@pytest.fixture
def kernel(hopper, monkeypatch):
    """A GPU whose kernel is its definition, in float32 as well."""
    kernel = Kernel()
    monkeypatch.setattr(fused, "_call_module", kernel)
    monkeypatch.setattr(attention_choice, "_DTYPES", ("bfloat16", "float16", "float32"))
    return kernel


def floats(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_with_nothing_against_it_attention_is_fused(hopper):
    assert ops.explain_attention(SHAPE, "bfloat16", compiled=True).startswith("fused: ")
    assert ops.explain_attention(SHAPE, "float16", masked=True, compiled=True).startswith("fused: ")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"compiled": False}, "no function that XLA compiles surrounds it: compile the model with jit_compile=True"),
        ({"compiled": None}, "no function that XLA compiles surrounds it"),
        ({"dtype": "float32"}, 'the dtype is float32, .* keras.config.set_dtype_policy\\("mixed_bfloat16"\\)'),
        ({"shape": (None, 3, 6, 8)}, r"the shape \(None, 3, 6, 8\) has sizes .*drop_remainder=True"),
        ({"shape": (2, 3, None, 8), "masked": True}, r"the shape \(2, 3, None, 8\) has sizes"),
        ({"shape": (2, 3, 6, 12)}, "a head has the size 12, and the kernel takes multiples of 8 up to 256"),
        ({"shape": (2, 3, 6, 264)}, "a head has the size 264"),
        ({"shape": (2, 3, 7, 8), "masked": True}, "a mask covers 7 positions, .* pad to 8"),
        ({"dropout": True}, "dropout acts on the probabilities, .* build with attention_dropout=0"),
    ],
)
def test_each_reason_stands_alone_with_what_to_do(hopper, changed, reason):
    question = {"shape": SHAPE, "dtype": "bfloat16", "compiled": True, **changed}
    found = ops.explain_attention(**question).split("\n- ")
    assert found[0].startswith("not fused: ")
    assert len(found) == 2
    assert re.match(reason, found[1])


@pytest.mark.parametrize(
    ("capability", "size", "reason"),
    [
        (None, 64, "TensorFlow sees no CUDA GPU"),
        ((7, 5), 64, "the GPU has compute capability 7.5, and the kernel needs 8.0"),
        ((8, 0), 136, "a head has the size 136, .* up to 128 on this GPU"),
        ((8, 0), 128, None),
        ((10, 0), 256, None),
    ],
)
def test_the_gpu_decides_too(monkeypatch, capability, size, reason):
    monkeypatch.setattr(attention_choice, "_compute_capability", lambda: capability)
    answer = ops.explain_attention((2, 3, 6, size), "bfloat16", compiled=True)
    assert answer.startswith("fused") if reason is None else re.search(reason, answer)


def test_all_reasons_come_at_once(monkeypatch):
    monkeypatch.setattr(attention_choice, "_compute_capability", lambda: None)
    answer = ops.explain_attention((None, 3, 7, 4), "float32", masked=True, dropout=True)
    assert answer.count("\n- ") == 7


def test_a_mask_does_not_need_an_even_length_where_there_is_none(hopper):
    assert ops.explain_attention((2, 3, 7, 8), "bfloat16", compiled=True).startswith("fused")


def test_the_place_of_the_call_counts(hopper):
    answers = []

    def asked(x):
        answers.append(ops.explain_attention(x.shape, x.dtype.name))
        return x

    x = tf.zeros(SHAPE, "bfloat16")
    tf.function(asked)(x), tf.function(asked, jit_compile=True)(x)
    with tf.device("CPU:0"):
        tf.function(asked, jit_compile=True)(x)
    assert ["no function that XLA compiles" in answers[0], answers[1][:6]] == [True, "fused:"]
    assert "the function is placed on a CPU" in answers[2]


def test_fused_attention_that_is_asked_for_and_cannot_be_is_an_error_with_the_reasons(monkeypatch):
    monkeypatch.setattr(attention_choice, "_compute_capability", lambda: None)
    x = tf.zeros((2, 3, 6, 12))
    with pytest.raises(ValueError, match="flash_attention=True asks for") as caught:
        ops.attention(x, x, x, flash_attention=True)
    assert str(caught.value).count("\n- ") == 4
    with pytest.raises(ValueError, match=r"queries \(2, 3, 6, 12\), keys \(2, 3, 8, 12\)"):
        ops.attention(x, tf.zeros((2, 3, 8, 12)), tf.zeros((2, 3, 8, 12)), flash_attention=True)


def test_attention_over_keys_of_another_length_is_not_fused(kernel):
    query, key = tf.constant(floats(2, 3, 6, 8)), tf.constant(floats(2, 3, 4, 8, seed=1))
    tf.function(ops.attention, jit_compile=True)(query, key, key)
    assert not kernel.modules


def test_the_switch_of_keras_turns_it_off(kernel):
    x = tf.constant(floats(*SHAPE))
    try:
        keras.config.disable_flash_attention()
        tf.function(ops.attention, jit_compile=True)(x, x, x)
        assert not kernel.modules
        tf.function(lambda x: ops.attention(x, x, x, flash_attention=True), jit_compile=True)(x)
        assert kernel.targets == ["__cudnn$fmhaSoftmax"]
    finally:
        keras.config.enable_flash_attention()
    tf.function(ops.attention, jit_compile=True)(x, x, x)
    assert len(kernel.modules) == 2


def padding_mask():
    return np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], "int32")


def pack_ids():
    return np.array([[1, 1, 2, 2, 2, 2], [1, 1, 1, 2, 0, 0], [0, 0, 0, 0, 0, 0]], "int32")


def step(layer, inputs, masks, compiled):
    """The outputs at real tokens, and the gradients of their weighted sum by all weights."""
    real = tf.constant(padding_mask(), "float32")[:, :, None]

    @tf.function(jit_compile=compiled)
    def run(inputs):
        with tf.GradientTape() as tape:
            outputs = layer(inputs, **masks, training=True) * real
            total = tf.reduce_sum(outputs * tf.constant(floats(*inputs.shape, seed=3)))
        return outputs, tape.gradient(total, [weight.value for weight in layer.trainable_weights])

    outputs, gradients = run(tf.constant(inputs))
    return [outputs, *(tf.convert_to_tensor(gradient) for gradient in gradients)]


def stack(**options):
    def block():
        return layers.TransformerEncoder(24, attention=layers.SelfAttention(HEADS, **options))

    return layers.EncoderStack([block(), block()])


@pytest.mark.parametrize(
    ("options", "masks", "kind"),
    [
        ({}, {}, "Softmax"),
        ({}, {"padding_mask": padding_mask()}, "ScaleBiasSoftmax"),
        ({"right_padded": True}, {"padding_mask": padding_mask()}, "Softmax"),
        ({}, {"pack_ids": pack_ids()}, "ScaleBiasSoftmax"),
        ({"right_padded": True}, {"padding_mask": padding_mask(), "pack_ids": pack_ids()}, "ScaleBiasSoftmax"),
        ({"flash_attention": True, "attention_dropout": 0.0}, {"pack_ids": pack_ids()}, "ScaleBiasSoftmax"),
    ],
)
def test_blocks_are_trained_to_the_same_weights_in_either_form(kernel, options, masks, kind):
    x = floats(3, 6, WIDTH)
    fused_stack, separate = stack(**options), stack(flash_attention=False)
    for layer in (fused_stack, separate):
        layer(x, **masks, training=False) if not options.get("flash_attention") else layer.build(x.shape)
        randomized(layer)
    expected = step(separate, x, masks, compiled=True)
    assert not kernel.modules
    for found, value in zip(step(fused_stack, x, masks, compiled=True), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=2e-5)
    assert kernel.targets == [f"__cudnn$fmha{kind}"] * 2 + [f"__cudnn$fmha{kind}Backward"] * 2
    masked_by = calls(kernel.modules[0])[0].config["cudnn_fmha_backend_config"]["mask_type"]
    assert masked_by == ("PADDING" if kind == "Softmax" and masks else "NO_MASK")


@pytest.mark.parametrize(("training", "expected"), [(False, 1), (True, 0)])
def test_dropout_keeps_attention_apart_only_while_it_acts(kernel, training, expected):
    layer, x = layers.SelfAttention(HEADS, attention_dropout=0.1), tf.constant(floats(3, 6, WIDTH))
    layer.build(x.shape)
    tf.function(lambda x: layer(x, training=training), jit_compile=True)(x)
    assert len(kernel.modules) == expected


def test_dropout_of_the_output_does_not_keep_attention_apart(kernel):
    layer, x = layers.SelfAttention(HEADS, dropout=0.1), tf.constant(floats(3, 6, WIDTH))
    layer.build(x.shape)
    tf.function(lambda x: layer(x, training=True), jit_compile=True)(x)
    assert len(kernel.modules) == 1


def test_a_model_that_asks_for_fused_attention_is_made_and_fitted(kernel):
    inputs = keras.Input((6, WIDTH), batch_size=3)
    block = layers.TransformerEncoder(24, attention=layers.SelfAttention(HEADS, flash_attention=True))
    model = keras.Model(inputs, block(inputs))
    assert not kernel.modules
    x = floats(3, 6, WIDTH)
    with pytest.raises(ValueError, match="no function that XLA compiles"):
        model(x)
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(x, x, batch_size=3, verbose=0)
    assert kernel.targets == ["__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"]


def test_a_model_keeps_what_it_was_asked_for(tmp_path):
    inputs = keras.Input((6, WIDTH))
    attention = layers.SelfAttention(HEADS, flash_attention=False, right_padded=True)
    model = keras.Model(inputs, layers.TransformerEncoder(24, attention=attention)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras").layers[1].attention
    assert (again.flash_attention, again.right_padded) == (False, True)


@pytest.mark.parametrize("masks", [{}, {"padding_mask": padding_mask()}, {"pack_ids": pack_ids()}])
@pytest.mark.parametrize("compiled", [False, True])
def test_without_a_gpu_nothing_changes(masks, compiled):
    """Outputs and the operations of the graph: as where the fused form is never looked for."""
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    x = floats(3, 6, WIDTH)
    chosen, separate = stack(attention_dropout=0.1), stack(attention_dropout=0.1, flash_attention=False)
    for layer in (chosen, separate):
        layer.build(x.shape)
        randomized(layer)

    def traced(layer):
        function = tf.function(lambda x: layer(x, **masks), jit_compile=compiled)
        concrete = function.get_concrete_function(tf.constant(x))
        return function(tf.constant(x)), [operation.type for operation in concrete.graph.get_operations()]

    (outputs, operations), (expected, before) = traced(chosen), traced(separate)
    np.testing.assert_array_equal(outputs, expected)
    assert operations == before
    assert "XlaCallModule" not in operations
