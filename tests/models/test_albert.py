"""ALBERT: blocks that are shared within groups, over factorised embeddings."""

import dataclasses

import keras
import numpy as np
import pytest
from parity_weights import randomized

from keras_bert_layers import layers, models

SIZES = {"vocabulary_size": 15, "embedding_dim": 4, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 12}
FEATURES = {
    "token_ids": np.array([[2, 5, 6, 3], [2, 7, 3, 0]], "int32"),
    "segment_ids": np.array([[0, 0, 1, 1], [0, 0, 0, 0]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], "int32"),
}


def config(**changes):
    return models.AlbertConfig(**{**SIZES, "num_layers": 2, **changes})


@pytest.mark.parametrize(
    ("num_layers", "num_groups", "blocks_per_group", "order"),
    [
        (3, 1, 1, (0, 0, 0)),
        (3, 3, 1, (0, 1, 2)),
        (4, 2, 1, (0, 0, 1, 1)),
        (3, 2, 1, (0, 0, 1)),
        (5, 3, 1, (0, 0, 1, 1, 2)),
        (2, 1, 2, (0, 1, 0, 1)),
        (4, 2, 2, (0, 1, 0, 1, 2, 3, 2, 3)),
    ],
)
def test_the_layers_of_a_group_apply_its_blocks_in_turn(num_layers, num_groups, blocks_per_group, order):
    sizes = {"num_layers": num_layers, "num_groups": num_groups, "blocks_per_group": blocks_per_group}
    assert config(**sizes).order == order
    encoder = models.albert_encoder(config(**sizes))
    assert encoder.get_layer("encoder").order == list(order)
    assert len(encoder.get_layer("encoder").blocks) == num_groups * blocks_per_group
    assert models.config_of(encoder) == config(**sizes)


def test_shared_blocks_compute_what_copies_of_them_compute():
    encoder = randomized(models.albert_encoder(config(num_layers=4, num_groups=2)))
    stack = encoder.get_layer("encoder")
    x = encoder.get_layer("embeddings")(FEATURES["token_ids"], segment_ids=FEATURES["segment_ids"])
    for index in (0, 0, 1, 1):
        x = stack.blocks[index](x, padding_mask=FEATURES["padding_mask"])
    real = FEATURES["padding_mask"][:, :, None]
    np.testing.assert_allclose(encoder(FEATURES)["sequence_output"], x * real, rtol=0, atol=1e-6)


def test_a_preset_has_as_many_parameters_as_the_published_model():
    # Lan et al. 2020, table 1: 12 million.
    assert models.albert_encoder(models.AlbertConfig.from_preset("albert_base")).count_params() == 11_683_584


@pytest.mark.parametrize("name", models.ALBERT_PRESETS)
def test_every_preset_is_a_valid_config(name):
    made = models.AlbertConfig.from_preset(name)
    assert made.embedding_dim == 128
    assert made.intermediate_dim == 4 * made.hidden_dim


def test_a_keras_file_gives_equal_outputs_and_the_same_config(tmp_path):
    described = config(num_layers=4, num_groups=2, blocks_per_group=2, num_segments=1, activation="relu")
    encoder = models.albert_encoder(described)
    model = randomized(models.bert_pretrainer(encoder))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = {**FEATURES, "segment_ids": 0 * FEATURES["segment_ids"], "mask_positions": np.array([[1, 2], [1, -1]])}
    keras.tree.map_structure(np.testing.assert_array_equal, again(inputs), model(inputs))
    assert models.config_of(again) == models.config_of(encoder) == described


def test_huggingface_config_is_read_and_written():
    described = config(num_layers=4, num_groups=2, blocks_per_group=2, dropout=0.2, activation="relu")
    assert models.AlbertConfig.from_huggingface(described.to_huggingface()) == described
    assert described.to_huggingface()["num_hidden_groups"] == 2


def test_json_gives_the_same_config():
    assert models.AlbertConfig.from_json(config(num_layers=4, num_groups=2).to_json()) == config(
        num_layers=4, num_groups=2
    )


def test_what_huggingface_takes_for_granted_is_not_our_default():
    described = models.AlbertConfig.from_huggingface({"vocab_size": 9, "hidden_size": 4096, "num_hidden_layers": 12})
    assert (described.num_heads, described.intermediate_dim) == (64, 16384)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_groups": 3}, "`num_groups` of AlbertConfig must be at most num_layers=2. Received: 3"),
        ({"num_groups": 0}, "`num_groups` of AlbertConfig must be a positive integer"),
        ({"blocks_per_group": 0}, "`blocks_per_group` of AlbertConfig must be a positive integer"),
        ({"embedding_dim": None}, "`embedding_dim` of AlbertConfig must be a positive integer"),
    ],
)
def test_a_bad_field_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        config(**change)


def test_a_preset_of_bert_is_none_of_albert():
    with pytest.raises(ValueError, match=r"AlbertConfig has no preset 'bert_base_uncased'.*albert_base"):
        models.AlbertConfig.from_preset("bert_base_uncased")


def test_google_config_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"Google's ALBERT configurations are not read.*from_huggingface"):
        models.AlbertConfig.from_google({"hidden_size": 8})


def test_an_albert_is_not_built_as_a_bert_nor_a_bert_as_an_albert():
    with pytest.raises(ValueError, match=r"must be a BertConfig.*Received: AlbertConfig"):
        models.bert_encoder(config())
    with pytest.raises(ValueError, match=r"must be an AlbertConfig.*Received: BertConfig"):
        models.albert_encoder(models.BertConfig())


def test_an_order_that_is_no_albert_cannot_be_described():
    encoder = models.albert_encoder(config(num_layers=2, num_groups=2))
    stack = layers.EncoderStack(encoder.get_layer("encoder").blocks, order=[1, 0], name="encoder")
    x = encoder.get_layer("embeddings")(encoder.input["token_ids"], segment_ids=encoder.input["segment_ids"])
    odd = keras.Model(encoder.input, stack(x, padding_mask=encoder.input["padding_mask"]))
    with pytest.raises(ValueError, match=r"The order \[1, 0\].*is none of an ALBERT"):
        models.config_of(odd)


def test_two_ways_to_say_one_order_are_described_by_the_smaller_groups():
    described = config(num_layers=1, blocks_per_group=2)
    found = models.config_of(models.albert_encoder(described))
    assert found == dataclasses.replace(described, num_layers=2, num_groups=2, blocks_per_group=1)
    assert found.order == described.order
