"""ModernBERT: a checked configuration that reads every version of its file, and the model that it makes."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import layers, models, ops, training
from keras_bert_layers.models import MODERNBERT_PRESETS, ModernBertConfig

SIZES = {
    "vocabulary_size": 15,
    "hidden_dim": 8,
    "num_layers": 4,
    "num_heads": 2,
    "intermediate_dim": 6,
    "max_sequence_length": 16,
    "local_window": 4,
}
# As the file of a model published with version 4.48 holds it.
EARLIER = {
    "architectures": ["ModernBertForMaskedLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "mean",
    "decoder_bias": True,
    "embedding_dropout": 0.0,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 50283,
    "position_embedding_type": "absolute",
    "vocab_size": 50368,
}
LATER = {
    "model_type": "modernbert",
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "hidden_activation": "gelu_pytorch_tanh",
    "classifier_activation": "silu",
    "norm_eps": 1e-6,
    "norm_bias": True,
    "mlp_dropout": 0.1,
    "attention_dropout": 0.2,
    "embedding_dropout": 0.3,
    "local_attention": 8,
    "tie_word_embeddings": False,
    "layer_types": ["full_attention", "sliding_attention"] * 2 + ["full_attention"],
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 500.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 50},
    },
}


def config(**changes):
    return ModernBertConfig(**{**SIZES, **changes})


def randomize(model):
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(scale=0.3, size=weight.shape) for weight in model.get_weights()])
    return model


def features(model, length=9):
    rng = np.random.default_rng(0)
    values = {
        "token_ids": rng.integers(0, 15, (3, length)),
        "segment_ids": rng.integers(0, 2, (3, length)),
        "padding_mask": np.arange(length) < np.array([[length], [4], [2]]),
        "mask_positions": np.array([[1, 3], [2, -1], [-1, -1]]),
    }
    return {name: values[name].astype("int32") for name in model.input}


def assert_equal(actual, expected):
    keras.tree.map_structure(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-5), actual, expected)


def encoder(**changes):
    return models.modernbert_encoder(config(**changes))


def with_masked_lm(**changes):
    return models.modernbert_masked_lm(encoder(**changes), config(**changes))


def classifier(**changes):
    return models.text_classifier(models.modernbert_encoder(config(**changes), pooler=True), num_classes=3)


BUILDERS = {
    "encoder": encoder,
    "masked_lm": with_masked_lm,
    "untied": lambda: with_masked_lm(tie_embeddings=False, norm_bias=True, head_bias=True, output_bias=False),
    "classifier": classifier,
    "tagger": lambda: models.token_classifier(encoder(), num_classes=5),
    "span": lambda: models.span_predictor(encoder()),
    "embedder": lambda: models.text_embedder(encoder()),
}
builders = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)


@builders
def test_a_model_is_functional_with_named_inputs(build):
    model = build()
    assert type(model).__name__ == "Functional"
    assert set(model.input) - {"mask_positions"} == {"token_ids", "segment_ids", "padding_mask"}


@builders
def test_a_keras_file_gives_equal_outputs(build, tmp_path):
    model = randomize(build())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(again.weights) == len(model.weights)
    assert_equal(again(features(model)), model(features(model)))


def test_an_export_gives_equal_outputs_at_every_length(tmp_path):
    model = randomize(with_masked_lm())
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    for length in (5, 16):
        assert_equal(loaded.serve(features(model, length)), model(features(model, length)))


@builders
def test_padding_never_changes_a_real_position(build):
    model = randomize(build())
    inputs = features(model)
    padding = inputs["padding_mask"] == 0
    changed = {**inputs, "token_ids": np.where(padding, 7, inputs["token_ids"])}

    def real(output):
        output = np.asarray(output)
        by_position = output.ndim > 1 and output.shape[1] == padding.shape[1]
        return output[~padding] if by_position else output

    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(real(x), real(y), rtol=0, atol=1e-6), model(inputs), model(changed)
    )


def test_segments_are_taken_and_have_no_effect():
    model = randomize(encoder())
    inputs = features(model)
    assert_equal(model({**inputs, "segment_ids": 1 - inputs["segment_ids"]}), model(inputs))


def test_every_nth_block_from_the_first_is_global_and_only_the_others_have_a_window():
    blocks = encoder(num_layers=7, global_attention_every=3).get_layer("encoder").blocks
    assert [block.attention.window is None for block in blocks] == [True, False, False, True, False, False, True]
    wavelengths = [block.attention.rotary.max_wavelength for block in blocks]
    assert wavelengths == [160000.0, 10000.0, 10000.0] * 2 + [160000.0]
    assert {block.attention.window.window_size for block in blocks if block.attention.window} == {4}


def test_only_the_first_block_does_not_normalize_its_input():
    kinds = [type(block.attention_norm).__name__ for block in encoder().get_layer("encoder").blocks]
    assert kinds == ["Identity"] + ["LayerNormalization"] * 3


def test_a_stack_of_local_blocks_sees_as_far_as_its_windows_reach_together():
    model = randomize(encoder(num_layers=3, global_attention_every=3, local_window=2))
    blocks = model.get_layer("encoder").blocks[1:]
    stack = layers.EncoderStack(blocks)
    x = np.random.default_rng(0).normal(size=(1, 9, 8)).astype("float32")
    changed = x.copy()
    changed[0, 4, 0] += 1.0
    moved = np.abs(stack(x) - stack(changed)).max(axis=-1)[0] > 1e-5
    np.testing.assert_array_equal(moved, [0, 0, 1, 1, 1, 1, 1, 0, 0])


def test_every_setting_of_the_config_reaches_the_layers():
    model = with_masked_lm(
        activation="gelu_tanh",
        head_activation="silu",
        embedding_dropout=0.1,
        attention_dropout=0.2,
        feed_forward_dropout=0.3,
        attention_bias=True,
        norm_bias=True,
        layer_norm_epsilon=1e-3,
    )
    embeddings, block, head = (
        model.get_layer("embeddings"),
        model.get_layer("encoder").blocks[1],
        model.get_layer("masked_lm"),
    )
    assert (embeddings.dropout, block.attention.dropout, block.feed_forward.dropout) == (0.1, 0.2, 0.3)
    assert block.attention.attention_dropout == 0.2
    assert block.feed_forward.activation is ops.gelu_tanh
    assert head.transform.activation is keras.activations.silu
    assert block.attention.use_bias
    assert not block.feed_forward.use_bias
    norms = [embeddings.norm, block.attention_norm, block.feed_forward_norm, model.get_layer("final_norm"), head.norm]
    assert {norm.epsilon for norm in norms} == {1e-3}
    assert all(norm.beta is not None for norm in norms)


def test_projections_back_to_the_width_start_smaller():
    model = with_masked_lm(hidden_dim=64, intermediate_dim=64, num_layers=8, initializer_range=0.1)
    block = model.get_layer("encoder").blocks[1]
    # A normal that is cut at two deviations keeps 0.88 of its own.
    wide = [block.attention.query, block.attention.value, block.feed_forward.inner]
    narrow = [block.attention.output_projection, block.feed_forward.outer, model.get_layer("masked_lm").transform]
    assert all(0.9 < np.std(layer.kernel) / (0.88 * 0.1) < 1.1 for layer in wide)
    assert all(0.9 < np.std(layer.kernel) / (0.88 * 0.1 / 4) < 1.1 for layer in narrow)


def test_the_head_is_tied_and_stays_tied_after_loading(tmp_path):
    model = with_masked_lm()
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        assert each.get_layer("masked_lm").token_embedding is each.get_layer("embeddings").token_embedding
        assert len([weight for weight in each.trainable_weights if tuple(weight.shape) == (15, 8)]) == 1


def test_it_learns_masked_tokens():
    rates = {"embedding_dropout": 0.1, "attention_dropout": 0.1, "feed_forward_dropout": 0.1}
    model = with_masked_lm(num_layers=2, hidden_dim=16, **rates)
    model.compile(keras.optimizers.Adam(0.02), training.MaskedLMLoss())
    labels = np.array([[3, 5], [7, -1], [-1, -1]])
    losses = model.fit(features(model), labels, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("call", ["direct", "predict"])
def test_a_text_longer_than_the_model_was_made_for_is_refused(call):
    model = encoder()
    inputs = features(model, 17)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="longer than the max_sequence_length=16"):
        model(inputs) if call == "direct" else model.predict(inputs, verbose=0)


def test_a_head_on_the_summary_of_an_encoder_without_a_pooler_says_so():
    with pytest.raises(ValueError, match="has no pooler"):
        models.text_classifier(encoder(), num_classes=2)


@pytest.mark.parametrize(
    "build", [models.modernbert_encoder, lambda wrong: models.modernbert_masked_lm(encoder(), wrong)]
)
@pytest.mark.parametrize("wrong", [models.BertConfig(), "modernbert_base", SIZES], ids=["bert", "name", "dict"])
def test_a_config_of_another_kind_is_refused(build, wrong):
    with pytest.raises(ValueError, match="`config` must be a ModernBertConfig, such as"):
        build(wrong)


def test_a_config_that_is_not_that_of_the_encoder_is_refused():
    with pytest.raises(ValueError, match="`vocabulary_size` must be that of `token_embedding`, 15"):
        models.modernbert_masked_lm(encoder(), config(vocabulary_size=16))


@pytest.mark.parametrize(
    ("field", "value", "expectation"),
    [
        ("vocabulary_size", 0, "a positive integer"),
        ("num_layers", True, "a positive integer"),
        ("global_attention_every", 0, "a positive integer"),
        ("local_window", 12.0, "a positive integer"),
        ("global_max_wavelength", 1, "a number above 1"),
        ("local_max_wavelength", None, "a number above 1"),
        ("attention_dropout", 1.0, r"a rate in \[0, 1\)"),
        ("feed_forward_dropout", "0.1", r"a rate in \[0, 1\)"),
        ("norm_bias", 1, "True or False"),
        ("layer_norm_epsilon", 0.0, "a positive number"),
        ("initializer_range", -1.0, "a positive number"),
        ("head_activation", "swoosh", "one of gelu"),
        ("hidden_dim", 12 * 65, r"a multiple of 2 \* num_heads=24"),
    ],
)
def test_a_bad_field_is_refused_by_name(field, value, expectation):
    with pytest.raises(ValueError, match=f"`{field}` of ModernBertConfig must be {expectation}"):
        ModernBertConfig(**{field: value})


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModernBertConfig().num_layers = 3


def test_json_gives_the_same_config():
    changed = config(norm_bias=True, tie_embeddings=False, local_max_wavelength=7.5)
    assert ModernBertConfig.from_json(changed.to_json()) == changed
    with pytest.raises(ValueError, match=r"has no .*hidden_size.*from_huggingface"):
        ModernBertConfig.from_json(json.dumps(EARLIER))


def test_the_file_of_an_earlier_version_is_read(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(EARLIER), encoding="utf-8")
    assert ModernBertConfig.from_huggingface(path) == ModernBertConfig.from_huggingface(EARLIER) == ModernBertConfig()


def test_the_file_of_a_later_version_is_read():
    assert ModernBertConfig.from_huggingface(LATER) == ModernBertConfig(
        vocabulary_size=100,
        hidden_dim=32,
        num_layers=5,
        num_heads=4,
        intermediate_dim=24,
        activation="gelu_tanh",
        head_activation="silu",
        layer_norm_epsilon=1e-6,
        norm_bias=True,
        feed_forward_dropout=0.1,
        attention_dropout=0.2,
        embedding_dropout=0.3,
        local_window=8,
        tie_embeddings=False,
        global_attention_every=2,
        global_max_wavelength=500.0,
        local_max_wavelength=50.0,
    )


FULL, LOCAL = "full_attention", "sliding_attention"


@pytest.mark.parametrize(
    ("settings", "every"),
    [
        ({}, 3),
        ({"global_attn_every_n_layers": 5}, 5),
        ({"layer_types": [FULL] * 5}, 1),
        ({"layer_types": [FULL, LOCAL, LOCAL, LOCAL, FULL]}, 4),
        ({"layer_types": [FULL, LOCAL, LOCAL, LOCAL, LOCAL]}, 5),
        # The list alone could also mean 5; where both agree, the number is kept.
        ({"layer_types": [FULL, LOCAL, LOCAL, LOCAL, LOCAL], "global_attn_every_n_layers": 9}, 9),
        ({"layer_types": [FULL, LOCAL, FULL, LOCAL, FULL], "global_attn_every_n_layers": 3}, 2),
    ],
)
def test_which_layers_are_global_is_read_from_a_list_or_a_number(settings, every):
    theirs = {**{key: value for key, value in LATER.items() if key != "layer_types"}, **settings}
    assert ModernBertConfig.from_huggingface(theirs).global_attention_every == every


@pytest.mark.parametrize(
    ("settings", "wavelengths"),
    [
        ({}, (160000.0, 10000.0)),
        ({"global_rope_theta": 80.0}, (80.0, 10000.0)),
        ({"local_rope_theta": 9.0}, (160000.0, 9.0)),
        ({"global_rope_theta": 80.0, "local_rope_theta": None}, (80.0, 80.0)),
        ({"rope_parameters": {FULL: {"rope_theta": 70.0}}}, (70.0, 10000.0)),
        ({"rope_parameters": {FULL: {"rope_theta": 70.0}}, "global_rope_theta": 80.0}, (70.0, 10000.0)),
        ({"rope_parameters": {FULL: {"rope_type": "default"}, LOCAL: None}, "local_rope_theta": 8.0}, (160000.0, 8.0)),
    ],
)
def test_wavelengths_are_read_in_either_form(settings, wavelengths):
    theirs = {**{key: value for key, value in LATER.items() if key != "rope_parameters"}, **settings}
    found = ModernBertConfig.from_huggingface(theirs)
    assert (found.global_max_wavelength, found.local_max_wavelength) == wavelengths


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bert"}, "model_type='modernbert'.*'bert'"),
        ({"is_decoder": True}, "is_decoder=False.*True"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "rope_scaling=None.*yarn"),
        (
            {"rope_parameters": {FULL: {"rope_type": "yarn", "factor": 4.0}}},
            "rope_type='default' are computed here. Received for full_attention: .*yarn",
        ),
        ({"layer_types": [LOCAL] * 5}, "`layer_types` must be .*sliding"),
        ({"layer_types": [FULL, FULL, LOCAL, LOCAL, FULL]}, "`layer_types` must be .*sliding"),
        ({"layer_types": [FULL, LOCAL]}, "for each layer"),
        ({"hidden_activation": "quick_gelu"}, "`hidden_activation` must be one of .*'quick_gelu'"),
        ({"classifier_activation": "mish"}, "`classifier_activation` must be one of .*'mish'"),
        ({"head_dim": 16}, "`head_dim` must be .* 8 here. Received: 16"),
    ],
)
def test_what_is_not_computed_here_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        ModernBertConfig.from_huggingface({**LATER, **change})


def test_a_json_that_is_no_modernbert_says_what_it_lacks():
    with pytest.raises(ValueError, match=r"lacks vocab_size, hidden_size, num_hidden_layers. It holds: d_model"):
        ModernBertConfig.from_huggingface({"d_model": 512})


@pytest.mark.parametrize("name", MODERNBERT_PRESETS)
def test_every_preset_is_a_valid_config(name):
    preset = ModernBertConfig.from_preset(name)
    assert preset.hidden_dim // preset.num_heads == 64
    assert ModernBertConfig.from_preset(name, local_window=8) == dataclasses.replace(preset, local_window=8)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no preset 'modernbert_huge'.*modernbert_base, modernbert_large"):
        ModernBertConfig.from_preset("modernbert_huge")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_layers": 7, "global_attention_every": 2, "local_window": 6, "local_max_wavelength": 30.0},
        {"global_attention_every": 4, "max_sequence_length": 99},
        {"num_layers": 1, "global_attention_every": 1, "local_window": 128},
        {"attention_bias": True, "feed_forward_bias": True, "norm_bias": True, "initializer_range": 0.1},
        {"embedding_dropout": 0.1, "attention_dropout": 0.2, "feed_forward_dropout": 0.3, "layer_norm_epsilon": 1e-3},
        {"activation": "gelu_tanh", "global_max_wavelength": 900.0},
        {"head_activation": "silu", "head_bias": True, "output_bias": False, "tie_embeddings": False},
    ],
)
def test_a_model_tells_the_config_that_it_was_made_from(changes, tmp_path):
    model = with_masked_lm(**changes)
    assert models.modernbert_config_of(model) == config(**changes)
    model.save(tmp_path / "model.keras")
    assert models.modernbert_config_of(keras.models.load_model(tmp_path / "model.keras")) == config(**changes)


def modern_block(attention=None, feed_forward=None, **changes):
    attention = attention or layers.SelfAttention(
        2, use_bias=False, rotary=layers.RotaryEmbedding(), window=layers.SlidingWindow(4)
    )
    norms = {name: layers.LayerNormalization(1e-5, center=False) for name in ("attention_norm", "feed_forward_norm")}
    feed_forward = feed_forward or layers.GatedFeedForward(6, use_bias=False)
    parts = {"attention": attention, "feed_forward": feed_forward, "normalize_first": True, **norms}
    return layers.TransformerEncoder(**{**parts, **changes})


def with_second_block(block, epsilon=1e-5):
    token_ids, padding_mask = (keras.Input((None,), dtype="int32", name=name) for name in ("token_ids", "padding_mask"))
    embeddings = layers.BertEmbeddings(
        15, 8, max_sequence_length=0, num_segments=0, norm=layers.LayerNormalization(epsilon, False), name="embeddings"
    )
    first = modern_block(
        layers.SelfAttention(2, use_bias=False, rotary=layers.RotaryEmbedding(160000.0)),
        attention_norm=keras.layers.Identity(),
    )
    x = layers.EncoderStack([first, block], name="encoder")(embeddings(token_ids), padding_mask=padding_mask)
    x = layers.LayerNormalization(1e-5, False, name="final_norm")(x)
    return keras.Model({"token_ids": token_ids, "padding_mask": padding_mask}, {"sequence_output": x})


def test_a_model_that_is_composed_by_hand_is_described_too():
    found = models.modernbert_config_of(with_second_block(modern_block()))
    assert found == config(num_layers=2, global_attention_every=2, max_sequence_length=8192)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normalize_first": False}, "Block 1 .*Expected: {'normalize_first': True}. Received: .*False"),
        ({"attention_norm": layers.LayerNormalization(1e-6, False)}, "Block 1 .*1e-05.* Received: .*1e-06"),
        ({"feed_forward": layers.GatedFeedForward(7, use_bias=False)}, "'intermediate_dim': 6.*: 7"),
        ({"feed_forward": layers.FeedForward(6)}, r"no ModernBERT.*TransformerEncoder \(SelfAttention, FeedForward\)"),
        ({"attention": layers.SelfAttention(2)}, "no ModernBERT: it needs blocks of SelfAttention with `rotary`"),
        (
            {
                "attention": layers.SelfAttention(
                    2, use_bias=False, rotary=layers.RotaryEmbedding(scaling_factor=2.0), window=layers.SlidingWindow(4)
                )
            },
            "'scaling_factor': 1.0.*'scaling_factor': 2.0",
        ),
    ],
)
def test_a_model_that_no_config_makes_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        models.modernbert_config_of(with_second_block(modern_block(**change)))


def test_a_model_that_normalizes_in_two_ways_is_refused():
    with pytest.raises(ValueError, match=r"alike everywhere; .*0\.001.*1e-05"):
        models.modernbert_config_of(with_second_block(modern_block(), epsilon=1e-3))


def test_a_bert_is_no_modernbert():
    sizes = {"vocabulary_size": 9, "hidden_dim": 8, "num_layers": 1, "num_heads": 2, "intermediate_dim": 6}
    with pytest.raises(ValueError, match="'bert_encoder' is no ModernBERT"):
        models.modernbert_config_of(models.bert_encoder(models.BertConfig(**sizes)))
