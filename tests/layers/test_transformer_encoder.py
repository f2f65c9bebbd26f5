"""A block and its parts: what is refused, what reaches the parts, and what can be done with them afterwards."""

import keras
import numpy as np
import pytest
from registry import CASES

from keras_bert_layers import layers

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"intermediate_dim": 8},
        {"num_heads": 2},
        {"attention": layers.SelfAttention(2)},
        {"feed_forward": layers.FeedForward(4), "intermediate_dim": 8},
    ],
    ids=["nothing", "no_attention", "no_feed_forward", "only_attention", "only_feed_forward"],
)
def test_a_block_without_one_of_its_parts_is_refused(arguments):
    with pytest.raises(ValueError, match="needs `num_heads` or an `attention` layer, and `intermediate_dim` or"):
        layers.TransformerEncoder(**arguments)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "4"], ids=repr)
@pytest.mark.parametrize("argument", ["num_heads", "intermediate_dim"])
def test_a_size_that_is_no_positive_integer_is_refused_by_its_name(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` of .* must be a positive integer. Received: {value!r}"):
        layers.TransformerEncoder(**{"num_heads": 2, "intermediate_dim": 8, argument: value})


@pytest.mark.parametrize("value", [-0.1, 1, 1.5])
def test_a_dropout_that_is_no_rate_is_refused(value):
    with pytest.raises(ValueError, match=r"must be in \[0, 1\). Received"):
        layers.TransformerEncoder(8, 2, dropout=value)


def test_injected_parts_are_the_ones_that_run():
    class Doubling(keras.layers.Layer):
        def call(self, inputs, training=None):
            return 2 * inputs

    class Shifting(keras.layers.Layer):
        def call(self, inputs, padding_mask=None, attention_mask=None, pack_ids=None, training=None):
            return inputs + 1

    block = layers.TransformerEncoder(attention=Shifting(), feed_forward=Doubling(), normalize_first=True)
    block(X)
    block.attention_norm.gamma.assign(np.zeros(8))
    block.feed_forward_norm.gamma.assign(np.zeros(8))
    block.feed_forward_norm.beta.assign(np.full(8, 3.0))
    np.testing.assert_allclose(block(X), X + 1 + 6, rtol=0, atol=1e-6)


@cases
def test_the_dtype_argument_reaches_every_part(case):
    """Through the config, as a user would write it: TransformerEncoder(..., dtype="mixed_bfloat16")."""
    config = case.build().get_config()
    layer = type(case.build()).from_config(with_policy(config, "mixed_bfloat16"))
    layer(**case.inputs())
    for part in layer._flatten_layers():
        # The probabilities stay float32 whatever the policy, and their dropout with them.
        if part.name != "attention_dropout":
            assert part.dtype_policy.name == "mixed_bfloat16", part.path
    assert {weight.dtype for weight in layer.weights} <= {layer.variable_dtype}


def with_policy(config, policy):
    """The config of a layer, and of the parts it was given, under another dtype policy."""
    if isinstance(config, list):
        return [with_policy(value, policy) for value in config]
    if not isinstance(config, dict):
        return config
    return {name: policy if name == "dtype" else with_policy(value, policy) for name, value in config.items()}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    "build",
    [
        lambda dtype: layers.TransformerEncoder(8, 2, dtype=dtype),
        lambda dtype: layers.BertEmbeddings(9, 8, embedding_dim=3, dtype=dtype),
        lambda dtype: layers.MaskedLMHead(9, dtype=dtype),
    ],
    ids=["block", "embeddings", "head"],
)
def test_the_parts_a_layer_makes_itself_have_its_policy(build, policy):
    layer = build(policy)
    arguments = {"BertEmbeddings": (np.array([[1]]),), "MaskedLMHead": (X, np.array([[1], [2]]))}
    output = layer(*arguments.get(type(layer).__name__, (X,)))
    assert keras.backend.standardize_dtype(output.dtype) == policy.removeprefix("mixed_")
    parts = [part for part in layer._flatten_layers() if part.name != "attention_dropout"]
    assert len(parts) > 3
    assert {part.dtype_policy.name for part in parts} == {policy}


@cases
def test_weights_is_still_the_list_of_variables(case):
    """`attention_weights` is a method, `weights` is Keras' own; no layer may confuse the two."""
    layer = case.build()
    layer(**case.inputs())
    for part in layer._flatten_layers():
        assert isinstance(part.weights, list)
        assert all(isinstance(weight, keras.Variable) for weight in part.weights)
    assert len({weight.path for weight in layer.weights}) == len(layer.weights)
    assert len({id(weight) for weight in layer.weights}) == len(layer.weights)


def test_initial_kernels_are_draws_from_a_truncated_normal_of_two_hundredths_and_none_is_a_copy_of_another():
    stack = layers.EncoderStack([layers.TransformerEncoder(128, 4) for _ in range(2)])
    embeddings = layers.BertEmbeddings(500, 64, embedding_dim=32)
    head = layers.MaskedLMHead(500)
    x = stack(embeddings(np.array([[1, 2]])))
    head(x, np.array([[0]]))
    matrices = [np.asarray(w) for part in (stack, embeddings, head) for w in part.weights if len(w.shape) == 2]
    assert len(matrices) == 2 * 6 + 4 + 2
    for matrix in matrices:
        # A normal of 0.02 that is cut at two deviations keeps 0.88 of its own.
        assert np.abs(matrix).max() <= 0.04
        if matrix.size > 1000:
            assert 0.95 < matrix.std() / (0.88 * 0.02) < 1.05
    rows = [tuple(matrix.ravel()[:50]) for matrix in matrices]
    assert len(set(rows)) == len(rows)


def test_lora_on_a_projection_trains_its_two_small_matrices_instead_of_the_kernel():
    block = layers.TransformerEncoder(12, 2)
    before = block(X)
    query = block.attention.query
    kernel = np.asarray(query.kernel)
    count = len(block.trainable_variables)
    query.enable_lora(rank=2)
    np.testing.assert_array_equal(block(X), before)
    assert len(block.trainable_variables) == count + 1
    assert all(variable is not query._kernel for variable in block.trainable_variables)

    symbol = keras.Input(X.shape[1:])
    model = keras.Model(symbol, block(symbol))
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=True)
    model.fit(X, np.ones_like(X), epochs=3, verbose=0)
    np.testing.assert_array_equal(query._kernel, kernel)
    assert np.abs(np.asarray(query.kernel) - kernel).max() > 1e-6
    assert np.abs(np.asarray(query.lora_kernel_b)).max() > 0


def test_lora_weights_survive_a_keras_file(tmp_path):
    symbol = keras.Input(X.shape[1:])
    block = layers.TransformerEncoder(12, 2)
    model = keras.Model(symbol, block(symbol))
    for projection in (block.attention.query, block.attention.value):
        projection.enable_lora(rank=2)
        projection.lora_kernel_b.assign(np.random.default_rng(1).normal(size=projection.lora_kernel_b.shape))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(X), model(X), rtol=0, atol=1e-6)


def test_injected_norms_take_the_place_of_the_standard_ones():
    block = layers.TransformerEncoder(
        12,
        2,
        normalize_first=True,
        attention_norm=keras.layers.Identity(),
        feed_forward_norm=layers.LayerNormalization(0.5, center=False),
    )
    block(X)
    assert not [weight for weight in block.weights if "beta" in weight.path]
    assert len([weight for weight in block.weights if "gamma" in weight.path]) == 1
    y = X + block.attention(X)
    np.testing.assert_allclose(block(X), y + block.feed_forward(block.feed_forward_norm(y)), rtol=0, atol=1e-6)
    np.testing.assert_allclose(block.attention_weights(X), block.attention.attention_weights(X), rtol=0, atol=1e-6)


def test_attention_without_biases_has_four_kernels_and_its_own_initializer_for_the_last():
    attention = layers.SelfAttention(2, kernel_initializer="zeros", use_bias=False, output_initializer="ones")
    attention(X)
    assert [weight.path.rsplit("/", 2)[1:] for weight in attention.weights] == [
        [name, "kernel"] for name in ("query", "key", "value", "output")
    ]
    np.testing.assert_array_equal(attention.query.kernel, np.zeros((8, 8)))
    np.testing.assert_array_equal(attention.output_projection.kernel, np.ones((8, 8)))
