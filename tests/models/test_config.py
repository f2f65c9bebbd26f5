"""BertConfig: checked, readable from what others write, and the same after JSON."""

import dataclasses
import json

import pytest

from keras_bert_layers.models import PRESETS, BertConfig

HUGGINGFACE = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "type_vocab_size": 1,
    "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "layer_norm_eps": 1e-7,
    "initializer_range": 0.1,
    "position_embedding_type": "absolute",
    "model_type": "bert",
}
EXPECTED = BertConfig(
    vocabulary_size=100,
    hidden_dim=32,
    num_layers=3,
    num_heads=4,
    intermediate_dim=64,
    max_sequence_length=128,
    num_segments=1,
    activation="gelu_tanh",
    dropout=0.2,
    attention_dropout=0.3,
    layer_norm_epsilon=1e-7,
    initializer_range=0.1,
)


@pytest.mark.parametrize(
    ("field", "value", "expectation"),
    [
        ("vocabulary_size", 0, "a positive integer"),
        ("vocabulary_size", 3.0, "a positive integer"),
        ("num_layers", True, "a positive integer"),
        ("embedding_dim", -1, "a positive integer or None"),
        ("dropout", 1.0, r"a rate in \[0, 1\)"),
        ("attention_dropout", "0.1", "a number"),
        ("layer_norm_epsilon", 0.0, "positive"),
        ("activation", "swoosh", "one of gelu"),
        ("num_heads", 7, "a multiple of num_heads=7"),
    ],
)
def test_a_bad_field_is_refused_by_name(field, value, expectation):
    name = "hidden_dim" if field == "num_heads" and value == 7 else field
    with pytest.raises(ValueError, match=f"`{name}` of BertConfig must be {expectation}"):
        BertConfig(**{field: value})


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BertConfig().num_layers = 3


def test_json_gives_the_same_config():
    assert BertConfig.from_json(EXPECTED.to_json()) == EXPECTED


def test_json_of_another_library_is_refused_with_the_way_to_read_it():
    with pytest.raises(ValueError, match=r"has no .*hidden_act.*from_huggingface"):
        BertConfig.from_json(json.dumps(HUGGINGFACE))


def test_huggingface_config_is_read_from_a_dict_or_a_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(HUGGINGFACE), encoding="utf-8")
    assert BertConfig.from_huggingface(HUGGINGFACE) == EXPECTED
    assert BertConfig.from_huggingface(path) == EXPECTED


def test_google_config_has_its_own_epsilon():
    google = {key: value for key, value in HUGGINGFACE.items() if key != "layer_norm_eps"}
    assert BertConfig.from_google(google) == dataclasses.replace(EXPECTED, layer_norm_epsilon=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position_embedding_type": "relative_key"}, "position_embedding_type='absolute'.*'relative_key'"),
        ({"is_decoder": True}, "is_decoder=False.*True"),
        ({"hidden_act": "quick_gelu"}, "`hidden_act` must be one of .*'quick_gelu'"),
    ],
)
def test_what_is_not_computed_here_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        BertConfig.from_huggingface({**HUGGINGFACE, **change})


def test_a_json_that_is_no_bert_says_what_it_lacks():
    with pytest.raises(ValueError, match=r"lacks vocab_size, hidden_size, num_hidden_layers. It holds: d_model"):
        BertConfig.from_huggingface({"d_model": 512})


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"no preset 'bert_huge'.*bert_tiny_uncased"):
        BertConfig.from_preset("bert_huge")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_config(name):
    config = BertConfig.from_preset(name)
    assert config.hidden_dim // config.num_heads == 64
    assert config.max_sequence_length == 512
