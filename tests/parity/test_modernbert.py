"""Parity with Hugging Face's ModernBERT: outputs, attention and gradients on random weights, with every option."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import variable

from keras_bert_layers import layers, models

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
transformers = pytest.importorskip("transformers", reason="needs Hugging Face transformers: pip install '.[parity]'")
modeling = pytest.importorskip("transformers.models.modernbert.modeling_modernbert", reason="needs ModernBERT")

VOCABULARY, WIDTH, HEADS, INNER, LENGTH = 17, 8, 2, 6, 12
SIZES = {
    "vocabulary_size": VOCABULARY,
    "hidden_dim": WIDTH,
    "num_layers": 4,
    "num_heads": HEADS,
    "intermediate_dim": INNER,
    "max_sequence_length": 64,
    "local_window": 4,
}


# Ours <- Hugging Face's. A kernel here is the transpose of a weight there.
def linear(ours, theirs, bias):
    return {f"{ours}.kernel": f"{theirs}.weight", **({f"{ours}.bias": f"{theirs}.bias"} if bias else {})}


def norm(ours, theirs, config):
    return {f"{ours}.gamma": f"{theirs}.weight", **({f"{ours}.beta": f"{theirs}.bias"} if config.norm_bias else {})}


def block(ours, theirs, config):
    """Three weights here are one there, `Wqkv`: query, key and value stand in it one below the other."""
    return {
        **linear(f"{ours}.attention.query", f"{theirs}.attn.Wqkv[0]", config.attention_bias),
        **linear(f"{ours}.attention.key", f"{theirs}.attn.Wqkv[1]", config.attention_bias),
        **linear(f"{ours}.attention.value", f"{theirs}.attn.Wqkv[2]", config.attention_bias),
        **linear(f"{ours}.attention.output_projection", f"{theirs}.attn.Wo", config.attention_bias),
        **norm(f"{ours}.feed_forward_norm", f"{theirs}.mlp_norm", config),
        **linear(f"{ours}.feed_forward.inner", f"{theirs}.mlp.Wi", config.feed_forward_bias),
        **linear(f"{ours}.feed_forward.outer", f"{theirs}.mlp.Wo", config.feed_forward_bias),
    }


def encoder_table(config):
    table = {
        "embeddings.token_embedding.embeddings": "model.embeddings.tok_embeddings.weight",
        **norm("embeddings.norm", "model.embeddings.norm", config),
        **norm("final_norm", "model.final_norm", config),
    }
    for number in range(config.num_layers):
        ours, theirs = f"encoder.blocks.{number}", f"model.layers.{number}"
        table |= block(ours, theirs, config)
        if number > 0:  # the first block normalizes nothing before its attention
            table |= norm(f"{ours}.attention_norm", f"{theirs}.attn_norm", config)
    return table


def masked_lm_table(config):
    return {
        **encoder_table(config),
        **linear("masked_lm.transform", "head.dense", config.head_bias),
        **norm("masked_lm.norm", "head.norm", config),
        **({"masked_lm.output_bias": "decoder.bias"} if config.output_bias else {}),
        **({} if config.tie_embeddings else {"masked_lm.output_embedding.embeddings": "decoder.weight"}),
    }


class Root:
    """A functional model whose layers are attributes, so that a path in a table can begin with a layer's name."""

    def __init__(self, model):
        for layer in model.layers:
            setattr(self, layer.name, layer)


def theirs_at(parameters, name):
    """The array at a name in the table: a part `[n]` of three, and a matrix the way it stands here."""
    path, _, part = name.partition("[")
    if part:
        whole = parameters[path + part[2:]].numpy()
        array = np.split(whole, 3)[int(part[0])]
    else:
        array = parameters[name].numpy()
    return array.T if array.ndim == 2 and "embeddings" not in name and not name.startswith("decoder") else array


def copy_weights(ours, parameters, table):
    """Fills every weight of ours from every parameter of theirs: one left over on either side is an error."""
    named = {name.split("[")[0] + name.partition("]")[2] for name in table.values()}
    assert named == set(parameters)
    assert len(table) == len(ours.weights)
    for here, there in table.items():
        variable(Root(ours), here).assign(theirs_at(parameters, there))


def reference(model_class, config, **settings):
    """A model of theirs, made from what our config writes, with every parameter drawn at random."""
    read = transformers.ModernBertConfig(**config.to_huggingface(), attn_implementation="eager", **settings)
    model = getattr(transformers, model_class)(read).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


def parameters_of(model):
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def features(length=LENGTH):
    rng = np.random.default_rng(1)
    lengths = np.array([[length], [length - 3], [5]])
    return {
        "token_ids": rng.integers(0, VOCABULARY, size=(3, length)).astype("int32"),
        "segment_ids": np.zeros((len(lengths), length), "int32"),
        "padding_mask": (np.arange(length) < lengths).astype("int32"),
    }


def tensors(inputs, **more):
    arrays = {"input_ids": inputs["token_ids"], "attention_mask": inputs["padding_mask"], **more}
    return {name: torch.from_numpy(np.asarray(array, "int64")) for name, array in arrays.items()}


def assert_close(actual, expected, tolerance=1e-5):
    expected = expected.detach().numpy()
    assert np.shape(actual) == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


OPTIONS = {
    "defaults": {},
    "attention_bias": {"attention_bias": True},
    "feed_forward_bias": {"feed_forward_bias": True},
    "norm_bias": {"norm_bias": True},
    "head_bias": {"head_bias": True, "head_activation": "silu"},
    "no_output_bias": {"output_bias": False},
    "untied": {"tie_embeddings": False},
    "all_biases_untied": {
        "attention_bias": True,
        "feed_forward_bias": True,
        "norm_bias": True,
        "head_bias": True,
        "tie_embeddings": False,
    },
    "all_global": {"global_attention_every": 1},
    "every_second": {"global_attention_every": 2, "local_window": 5},
    "first_only": {"global_attention_every": 4, "local_window": 1},
    "window_of_seven": {"local_window": 7},
    "window_beyond_the_text": {"local_window": 128},
    "wavelengths": {"global_max_wavelength": 300.0, "local_max_wavelength": 20.0},
    "epsilon": {"layer_norm_epsilon": 0.1},
    "gelu_tanh": {"activation": "gelu_tanh", "head_activation": "gelu_tanh"},
    "relu": {"activation": "relu", "head_activation": "tanh"},
    "one_layer": {"num_layers": 1},
}
options = pytest.mark.parametrize("changes", OPTIONS.values(), ids=OPTIONS)


@options
def test_encoder(changes):
    config = models.ModernBertConfig(**{**SIZES, **changes})
    theirs, ours = reference("ModernBertModel", config), models.modernbert_encoder(config)
    table = {here: there.removeprefix("model.") for here, there in encoder_table(config).items()}
    copy_weights(ours, parameters_of(theirs), table)
    inputs = features()
    real = inputs["padding_mask"].astype(bool)
    actual, expected = ours(inputs)["sequence_output"], theirs(**tensors(inputs)).last_hidden_state
    assert_close(np.asarray(actual)[real], expected[real])


@options
def test_masked_lm(changes):
    config = models.ModernBertConfig(**{**SIZES, **changes})
    theirs = reference("ModernBertForMaskedLM", config)
    ours = models.modernbert_masked_lm(models.modernbert_encoder(config), config)
    copy_weights(ours, parameters_of(theirs), masked_lm_table(config))
    inputs = features()
    real = inputs["padding_mask"].astype(bool)
    everywhere = np.tile(np.arange(LENGTH, dtype="int32"), (3, 1))
    actual = ours({**inputs, "mask_positions": everywhere})
    assert_close(np.asarray(actual)[real], theirs(**tensors(inputs)).logits[real])


def test_a_long_text_through_windows_of_the_published_size():
    config = models.ModernBertConfig(**{**SIZES, "local_window": 128, "max_sequence_length": 1024})
    theirs, ours = reference("ModernBertModel", config), models.modernbert_encoder(config)
    table = {here: there.removeprefix("model.") for here, there in encoder_table(config).items()}
    copy_weights(ours, parameters_of(theirs), table)
    inputs = features(400)
    real = inputs["padding_mask"].astype(bool)
    actual, expected = ours(inputs)["sequence_output"], theirs(**tensors(inputs)).last_hidden_state
    assert_close(np.asarray(actual)[real], expected[real], tolerance=5e-5)


def test_hidden_states_and_attention_probabilities():
    config = models.ModernBertConfig(**SIZES)
    theirs, ours = reference("ModernBertModel", config), models.modernbert_encoder(config)
    table = {here: there.removeprefix("model.") for here, there in encoder_table(config).items()}
    copy_weights(ours, parameters_of(theirs), table)
    inputs = features()
    padding_mask, real = inputs["padding_mask"], inputs["padding_mask"].astype(bool)
    expected = theirs(**tensors(inputs), output_attentions=True, output_hidden_states=True)
    x = ours.get_layer("embeddings")(inputs["token_ids"])
    stack = ours.get_layer("encoder")
    states = [x, *stack.hidden_states(x, padding_mask=padding_mask)]
    # Their last one is the normalized one.
    for actual, state in zip(states[:-1], expected.hidden_states[:-1], strict=True):
        assert_close(np.asarray(actual)[real], state[real])
    for each, read, attention in zip(stack.blocks, states[:-1], expected.attentions, strict=True):
        weights = each.attention_weights(read, padding_mask=padding_mask)
        assert_close(np.moveaxis(np.asarray(weights), 1, 2)[real], attention.movedim(1, 2)[real])


@pytest.mark.parametrize("changes", [{}, {"attention_bias": True, "feed_forward_bias": True, "norm_bias": True}])
def test_gradients_of_the_masked_lm_loss(changes):
    config = models.ModernBertConfig(**{**SIZES, **changes})
    theirs = reference("ModernBertForMaskedLM", config)
    ours = models.modernbert_masked_lm(models.modernbert_encoder(config), config)
    table = masked_lm_table(config)
    copy_weights(ours, parameters_of(theirs), table)
    positions = np.array([[0, 11, 2], [3, 1, -1], [-1, -1, -1]], "int32")
    rows, targets = np.nonzero(positions >= 0)[0], np.array([3, 1, 4, 12, 5])
    inputs = features()
    labels = np.full((3, LENGTH), -100)
    labels[rows, positions[positions >= 0]] = targets
    theirs(**tensors(inputs, labels=labels)).loss.backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}

    variables = {here: variable(Root(ours), here) for here in table}
    with tf.GradientTape() as tape:
        logits = ours({**inputs, "mask_positions": positions}, training=False)[positions >= 0]
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True))
    gradients = tape.gradient(loss, [weight.value for weight in variables.values()])
    for here, gradient in zip(variables, gradients, strict=True):
        there = theirs_at(expected, table[here])
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), there, rtol=1e-4, atol=1e-5, err_msg=here)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_stays_near_theirs(policy):
    config = models.ModernBertConfig(**SIZES)
    theirs = reference("ModernBertModel", config)
    keras.config.set_dtype_policy(policy)
    ours = models.modernbert_encoder(config)
    table = {here: there.removeprefix("model.") for here, there in encoder_table(config).items()}
    copy_weights(ours, parameters_of(theirs), table)
    inputs = features()
    real = inputs["padding_mask"].astype(bool)
    actual = np.asarray(keras.ops.cast(ours(inputs)["sequence_output"], "float32"))[real]
    expected = theirs(**tensors(inputs)).last_hidden_state[real].detach().numpy()
    error = np.abs(actual - expected).mean() / np.abs(expected).mean()
    assert error < {"mixed_bfloat16": 0.03, "mixed_float16": 0.004}[policy]


@pytest.mark.parametrize("max_wavelength", [10000.0, 160000.0])
def test_rotary_positions(max_wavelength):
    config = models.ModernBertConfig(**SIZES, global_max_wavelength=max_wavelength)
    rotary = modeling.ModernBertRotaryEmbedding(transformers.ModernBertConfig(**config.to_huggingface()))
    x = np.random.default_rng(0).normal(size=(2, 5, HEADS, WIDTH // HEADS)).astype("float32")
    positions = np.array([[0, 1, 2, 3, 4], [700, 0, 31, 5000, 8191]])
    heads = torch.from_numpy(x).movedim(2, 1)
    cosine, sine = rotary(heads, torch.from_numpy(positions), "full_attention")
    expected, _ = modeling.apply_rotary_pos_emb(heads, heads, cosine, sine)
    actual = layers.RotaryEmbedding(max_wavelength)(x, positions=positions)
    # A float32 angle of 8191 radians is known to half a thousandth.
    assert_close(actual, expected.movedim(1, 2), tolerance=2e-3)
    assert_close(actual[:1], expected.movedim(1, 2)[:1], tolerance=1e-6)


@options
def test_a_config_means_the_same_to_both(changes, tmp_path):
    """What we write, they read; what they write in turn, we read; nothing changes on the way."""
    config = models.ModernBertConfig(**{**SIZES, **changes}, attention_dropout=0.1, feed_forward_dropout=0.2)
    (tmp_path / "config.json").write_text(json.dumps(config.to_huggingface()), encoding="utf-8")
    read = transformers.AutoConfig.from_pretrained(tmp_path)
    assert isinstance(read, transformers.ModernBertConfig)
    read.save_pretrained(tmp_path / "again")
    assert models.ModernBertConfig.from_huggingface(tmp_path / "again" / "config.json") == config
    assert models.ModernBertConfig.from_huggingface(config.to_huggingface()) == config


def test_defaults_are_the_same():
    theirs = transformers.ModernBertConfig().to_dict()
    assert models.ModernBertConfig.from_huggingface(theirs) == models.ModernBertConfig()
    ours = models.ModernBertConfig().to_huggingface()
    assert {
        key: value for key, value in ours.items() if key in theirs and not key.endswith("token_id")
    }.items() <= theirs.items()


@pytest.mark.parametrize("preset", ["modernbert_base"])
def test_a_preset_has_as_many_parameters_as_the_published_model(preset):
    config = models.ModernBertConfig.from_preset(preset)
    with torch.device("meta"):
        theirs = transformers.ModernBertModel(transformers.ModernBertConfig(**config.to_huggingface()))
    expected = sum(parameter.numel() for parameter in theirs.parameters())
    assert models.modernbert_encoder(config).count_params() == expected
