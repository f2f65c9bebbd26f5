"""Pruned heads are gone, and the model computes what it computed with them masked."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import compress, convert, interpret, models, serving


def albert():
    return models.albert_encoder(
        models.AlbertConfig(
            vocabulary_size=15, embedding_dim=4, hidden_dim=8, num_heads=4, intermediate_dim=12, num_layers=3
        )
    )


def modernbert():
    return models.modernbert_encoder(
        models.ModernBertConfig(
            vocabulary_size=15, hidden_dim=16, num_layers=2, num_heads=4, intermediate_dim=6, local_window=4
        )
    )


CASES = {
    "bert": (lambda: models.bert_encoder(tiny.config(num_heads=4)), {0: [1, 3], 1: [0]}),
    "masked_lm": (lambda: models.masked_lm(models.bert_encoder(tiny.config(num_heads=4))), {1: [0, 1, 2]}),
    "albert": (albert, {0: [2], 1: [2], 2: [2]}),
    "modernbert": (modernbert, {1: [0]}),
}
cases = pytest.mark.parametrize(("build", "heads"), CASES.values(), ids=CASES.keys())


def features(model):
    rng = np.random.default_rng(3)
    padding_mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], "int32")
    found = {
        "token_ids": rng.integers(1, 15, padding_mask.shape).astype("int32"),
        "segment_ids": np.array([[0, 0, 0, 1, 1, 1]] * 2, "int32"),
        "padding_mask": padding_mask,
        "mask_positions": np.array([[1, 2], [3, -1]], "int32"),
    }
    return {name: found[name] for name in model.input}


def assert_same(actual, expected, atol=1e-5):
    keras.tree.map_structure(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=atol), actual, expected)


def masked_outputs(model, heads, inputs):
    masked = interpret.head_masked_model(model)
    head_mask = np.ones((2, *masked.input["head_mask"].shape[1:]), "float32")
    for layer, gone in heads.items():
        head_mask[:, layer, gone] = 0
    return masked({**inputs, "head_mask": head_mask})


@cases
def test_the_pruned_model_is_smaller_and_equal_to_the_masked_one(build, heads):
    model = randomized(build())
    inputs = features(model)
    before = model.get_weights()
    pruned = compress.prune_heads(model, heads)
    assert_same(pruned(inputs), masked_outputs(model, heads, inputs))
    difference = keras.tree.flatten(model(inputs))[0] - keras.tree.flatten(pruned(inputs))[0]
    assert np.abs(difference).max() > 1e-3
    width = model.get_layer("encoder").blocks[0].attention.query.units
    head_dim = width // 4
    blocks = model.get_layer("encoder").order or (0, 1)
    gone = {blocks[layer]: len(set(each)) for layer, each in heads.items()}
    biases = 3 if model.get_layer("encoder").blocks[0].attention.use_bias else 0
    assert model.count_params() - pruned.count_params() == sum(gone.values()) * head_dim * (4 * width + biases)
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_the_copy_is_independent_and_its_head_stays_tied():
    model = randomized(models.masked_lm(models.bert_encoder(tiny.config(num_heads=4))))
    pruned = compress.prune_heads(model, {0: [0]})
    assert not {id(weight) for weight in pruned.weights} & {id(weight) for weight in model.weights}
    assert pruned.get_layer("masked_lm").token_embedding is pruned.get_layer("embeddings").token_embedding


@pytest.mark.parametrize("name", ["bert", "albert", "modernbert"])
def test_it_is_saved_and_loaded_in_our_own_format(name, tmp_path):
    build, heads = CASES[name]
    pruned = compress.prune_heads(randomized(build()), heads)
    convert.save_pretrained(pruned, tmp_path / "model")
    found = convert.from_pretrained(tmp_path / "model")
    inputs = features(pruned)
    assert_same(found.model(inputs), pruned(inputs), atol=1e-6)
    assert found.config == models.config_of(pruned)
    assert type(found.config).from_json(found.config.to_json()) == found.config
    classifier = convert.from_pretrained(tmp_path / "model", "text_classification", labels=["a", "b"], new_head=True)
    states = classifier.model.get_layer("encoder")
    assert [block.attention.num_heads for block in states.blocks] == [
        block.attention.num_heads for block in pruned.get_layer("encoder").blocks
    ]


def test_pruning_goes_on_where_it_ended():
    model = randomized(models.bert_encoder(tiny.config(num_heads=4)))
    once = compress.prune_heads(model, {0: [1, 3], 1: [0]})
    twice = compress.prune_heads(compress.prune_heads(model, {0: [1]}), {0: [2], 1: [0]})
    assert_same(twice(features(model)), once(features(model)), atol=1e-6)
    assert models.config_of(twice).heads_per_layer == (2, 3)


def test_a_keras_file_gives_it_back_and_it_trains(tmp_path):
    encoder = randomized(models.bert_encoder(tiny.config(num_heads=4)))
    pruned = compress.prune_heads(models.text_classifier(encoder, 2), {1: [0, 2]})
    pruned.save(tmp_path / "pruned.keras")
    again = keras.models.load_model(tmp_path / "pruned.keras")
    inputs = features(pruned)
    assert_same(again(inputs), pruned(inputs), atol=1e-6)
    again.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(again.fit(inputs, np.array([0, 1]), verbose=0).history["loss"][0])


def test_it_shows_its_attention_with_nothing_in_the_place_of_what_it_lacks():
    model = randomized(models.bert_encoder(tiny.config(num_heads=4)))
    attention = np.asarray(
        interpret.attention_model(compress.prune_heads(model, {1: [0, 2]}))(features(model))["attention"]
    )
    whole = np.asarray(interpret.attention_model(model)(features(model))["attention"])
    np.testing.assert_allclose(attention[:, 0], whole[:, 0], atol=1e-6)
    np.testing.assert_array_equal(attention[:, 1, 2:], 0)


@pytest.mark.parametrize("write", [convert.to_huggingface, convert.to_google, convert.to_keras_hub])
def test_formats_that_have_no_place_for_it_refuse_it(write, tmp_path):
    pruned = compress.prune_heads(models.bert_encoder(tiny.config()), {0: [0]})
    with pytest.raises(ValueError, match=r"heads_per_layer=\(1, 2\).*save_pretrained"):
        write(pruned, tmp_path / "out")


@pytest.mark.parametrize(
    ("build", "heads", "message"),
    [
        ("bert", {2: [0]}, "layers are 0 to 1.*names layer 2"),
        ("bert", {0: [4]}, r"heads 0 to 3.*Received: \[4\]"),
        ("bert", {0: [0, 1, 2, 3]}, "keeps one or more"),
        ("albert", {0: [1]}, "Layers 0 and 1 share one block"),
    ],
)
def test_what_cannot_go_is_refused(build, heads, message):
    with pytest.raises(ValueError, match=message):
        compress.prune_heads(CASES[build][0](), heads)


def test_a_modernbert_of_fewer_heads_is_not_written_for_transformers(tmp_path):
    pruned = compress.prune_heads(modernbert(), {1: [0]})
    with pytest.raises(ValueError, match=r"heads_per_layer=\(4, 3\)"):
        convert.to_huggingface(pruned, tmp_path / "out")


def test_pruned_models_are_exported(tmp_path):
    model = models.text_classifier(models.bert_encoder(tiny.config(num_heads=4)), 2)
    pruned = compress.prune_heads(randomized(model), {0: [1]})
    serving.export(pruned, tmp_path / "served", tiny.preprocessor())
    assert (tmp_path / "served" / "1").exists()
