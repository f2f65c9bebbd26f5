"""keras-hub's BERT in and out: equal outputs, equal ids, and the same weights bit for bit."""

import json
import os
import shutil
import socket

import convert_directories as checkpoints
import h5py
import keras
import keras_hub
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, layers, models, text

SIZES = {
    "vocabulary_size": 15,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 16,
    "num_segments": 2,
}
TANH = tiny.config(activation="gelu_tanh")
POOLER = {"backbone.pooled_dense.kernel", "backbone.pooled_dense.bias"}


def backbone(**changes):
    return keras_hub.models.BertBackbone(**{**SIZES, **changes})


def their_tokenizer(**settings):
    return keras_hub.models.BertTokenizer(vocabulary=tiny.VOCABULARY, **{"lowercase": True, **settings})


def embedder(**settings):
    return keras_hub.models.BertTextEmbedder(backbone(), **settings)


# keras-hub's model -> its task here, and what of its weights that task has no use for.
MODELS = {
    "backbone": (backbone, "encoder", set()),
    "three segments": (lambda: backbone(num_segments=3, dropout=0.2), "encoder", set()),
    "masked_lm": (lambda: keras_hub.models.BertMaskedLM(backbone()), "masked_lm", POOLER),
    "classifier": (lambda: keras_hub.models.BertTextClassifier(backbone(), 3), "text_classification", set()),
    "mean": (embedder, "sentence_embedding", POOLER),
    "cls": (lambda: embedder(pooling_mode="cls", normalize=False), "sentence_embedding", POOLER),
    "max": (lambda: embedder(pooling_mode="max"), "sentence_embedding", POOLER),
}
every_model = pytest.mark.parametrize("name", MODELS)


def saved(model, directory, tokenizer=True):
    model.save_to_preset(str(directory))
    if tokenizer:
        their_tokenizer().save_to_preset(str(directory))
    return directory


def assert_same_outputs(ours, theirs):
    features = checkpoints.FEATURES | {"mask_positions": np.maximum(checkpoints.FEATURES["mask_positions"], 0)}
    actual = ours({name: features[name] for name in ours.input})
    expected = theirs({name: features[name] for name in theirs.input})
    if not isinstance(expected, dict):
        actual, expected = {"": actual}, {"": expected}
    real = features["padding_mask"].astype(bool)
    for name, value in expected.items():
        where = real if name == "sequence_output" else slice(None)
        np.testing.assert_allclose(np.asarray(actual[name])[where], np.asarray(value)[where], atol=1e-5)


@every_model
def test_a_model_in_memory_gives_the_same_outputs(name):
    build, task, unused = MODELS[name]
    theirs = randomized(build())
    loaded = convert.from_pretrained(theirs)
    assert (loaded.task, set(loaded.ignored), loaded.tokenizer) == (task, unused, None)
    assert len(loaded.model.weights) + len(unused) == len(theirs.weights)
    assert_same_outputs(loaded.model, theirs)


@every_model
def test_a_preset_gives_the_same_outputs(name, tmp_path):
    build, task, unused = MODELS[name]
    theirs = randomized(build())
    loaded = convert.from_pretrained(saved(theirs, tmp_path / "preset"))
    assert (loaded.task, set(loaded.ignored)) == (task, unused)
    assert loaded.tokenizer.vocabulary == tiny.VOCABULARY
    assert_same_outputs(loaded.model, theirs)


@every_model
def test_what_was_read_is_written_bit_for_bit(name, tmp_path):
    build, _, unused = MODELS[name]
    theirs = randomized(build())
    convert.to_keras_hub(convert.from_pretrained(theirs).model, tmp_path / "preset", new_pooler=bool(unused))
    settings = {"preprocessor": None} if hasattr(theirs, "backbone") else {}
    again = type(theirs).from_preset(str(tmp_path / "preset"), **settings)
    assert own_settings(again) == own_settings(theirs)
    assert len(again.weights) == len(theirs.weights)
    for weight, original in zip(again.weights, theirs.weights, strict=True):
        if not (unused and "pooled_dense" in weight.path):
            np.testing.assert_array_equal(weight, original)


def own_settings(model):
    config = model.get_config() | getattr(model, "backbone", model).get_config()
    return {name: value for name, value in config.items() if name not in ("name", "backbone", "preprocessor")}


@pytest.mark.parametrize("name", ["masked_lm", "mean"])
def test_a_pooler_that_is_not_there_is_made_only_when_asked_for(name, tmp_path):
    model = convert.from_pretrained(MODELS[name][0]()).model
    with pytest.raises(ValueError, match=r"Every BertBackbone of keras-hub has a pooler.*new_pooler=True"):
        convert.to_keras_hub(model, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


def test_a_new_head_computes_what_keras_hubs_would():
    """Its masked-LM head is set otherwise than its encoder, so that it can be written back."""
    loaded = convert.from_pretrained(backbone(), "masked_lm", new_head=True)
    theirs = keras_hub.models.BertMaskedLM(backbone())
    head, their_head = loaded.model.get_layer("masked_lm"), theirs.masked_lm_head
    assert (head.intermediate_activation, head.norm.epsilon) == (keras.activations.gelu, 1e-5)
    assert (their_head.intermediate_activation, their_head.layer_norm_epsilon) == (keras.activations.gelu, 1e-5)
    assert loaded.fresh == ("masked_lm",)


TEXTS = ["Good, very BAD films!", "the film is not a.film", "[SEP] is good", "élan  \t films", "無film", "", "x" * 101]


@pytest.mark.parametrize(
    "settings",
    [{}, {"lowercase": False}, {"strip_accents": True}, {"special_tokens_in_strings": True}],
    ids=["lowercase", "cased", "accents", "special"],
)
def test_the_tokenizer_keeps_its_settings_and_ids(settings, tmp_path):
    vocabulary = [*tiny.VOCABULARY, "elan", "無", ",", "!", "[", "]", "sep"]
    theirs = keras_hub.models.BertTokenizer(vocabulary=vocabulary, **{"lowercase": True, **settings})
    backbone(vocabulary_size=len(vocabulary)).save_to_preset(str(tmp_path))
    theirs.save_to_preset(str(tmp_path))
    ours = convert.from_pretrained(tmp_path).tokenizer
    for name in ("lowercase", "strip_accents", "special_tokens_in_strings"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.tokenize(TEXTS).to_list() == [list(map(int, ids)) for ids in theirs(TEXTS)]


def test_a_classifier_of_strings_goes_there_and_back(tmp_path):
    tokenizer = their_tokenizer()
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=9)
    theirs = randomized(keras_hub.models.BertTextClassifier(backbone(), 3, preprocessor))
    loaded = convert.from_pretrained(theirs)
    assert loaded.sequence_length == 9
    expected = theirs.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(loaded.model(loaded.preprocessor()(TEXTS)), expected, atol=1e-5)
    convert.to_keras_hub(loaded.model, tmp_path / "preset", loaded.tokenizer, sequence_length=9)
    again = keras_hub.models.TextClassifier.from_preset(str(tmp_path / "preset"))
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), expected)
    assert convert.from_pretrained(tmp_path / "preset").sequence_length == 9


def test_a_backbone_is_written_with_its_tokenizer(tmp_path):
    tokenizer = text.BertTokenizer(tiny.VOCABULARY, lowercase=False, special_tokens=["a"])
    convert.to_keras_hub(models.bert_encoder(TANH), tmp_path / "preset", tokenizer)
    theirs = keras_hub.models.Tokenizer.from_preset(str(tmp_path / "preset"))
    assert (theirs.vocabulary, theirs.lowercase, theirs.strip_accents) == (tiny.VOCABULARY, False, False)
    again = convert.from_pretrained(tmp_path / "preset").tokenizer
    assert again.get_config() == tokenizer.get_config() | {"max_characters_per_word": 100}


def test_a_directory_that_is_called_like_a_preset_is_read_without_the_network(tmp_path, monkeypatch):
    name = "bert_tiny_en_uncased"
    assert name in keras_hub.models.BertBackbone.presets
    theirs = saved(randomized(backbone()), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("the network was touched"))
    model = convert.from_pretrained(name).model
    assert_same_outputs(model, keras_hub.models.BertBackbone.from_preset(str(theirs)))


def test_a_preset_in_shards_and_of_the_older_name_is_read(tmp_path):
    theirs = randomized(backbone())
    theirs.save_to_preset(str(tmp_path), max_shard_size=4e-6)
    their_tokenizer().save_to_preset(str(tmp_path))
    assert len(list(tmp_path.glob("model_0000?.weights.h5"))) > 1
    for name in ("config.json", "tokenizer.json"):
        path = tmp_path / name
        path.write_text(path.read_text().replace("keras_hub", "keras_nlp"))
    assert_same_outputs(convert.from_pretrained(tmp_path).model, theirs)


def test_a_bfloat16_model_is_read_exactly():
    theirs = randomized(backbone(dtype="bfloat16"))
    model = convert.from_pretrained(theirs).model
    matrix = model.get_layer("embeddings").token_embedding.embeddings
    assert matrix.dtype == "float32"
    np.testing.assert_array_equal(matrix, keras.ops.cast(theirs.token_embedding.embeddings, "float32"))


def without(*names):
    return lambda directory: [(directory / name).unlink() for name in names]


def cut(name):
    def damage(directory):
        data = (directory / name).read_bytes()
        (directory / name).write_bytes(data[: len(data) // 2])

    return damage


def changed(name, **settings):
    def damage(directory):
        config = json.loads((directory / name).read_text())
        top = {key: settings.pop(key) for key in ("class_name", "registered_name") if key in settings}
        (directory / name).write_text(json.dumps(config | top | {"config": config["config"] | settings}))

    return damage


def swapped(directory):
    with h5py.File(directory / "model.weights.h5", "r+") as file:
        weights = file["layers/transformer_encoder/_feedforward_intermediate_dense/vars"]
        value = weights["0"][()].T
        del weights["0"]
        weights["0"] = value


def with_a_stranger(directory):
    with h5py.File(directory / "model.weights.h5", "r+") as file:
        file["layers/adapter/vars/0"] = np.ones(2)


GPT2 = {"class_name": "GPT2Backbone", "registered_name": "keras_hub>GPT2Backbone"}
DAMAGES = {
    "weights truncated": (cut("model.weights.h5"), r"keras-hub cannot read the preset .*download it again"),
    "no weights": (without("model.weights.h5"), r"keras-hub cannot read the preset .*Check that all of its files"),
    "head truncated": (cut("task.weights.h5"), r"keras-hub cannot read the preset"),
    "no head": (without("task.weights.h5"), r"task.weights.h5 must hold 2 weights.* It holds 0"),
    "shapes swapped": (swapped, r"keras-hub cannot read the preset .*\(8, 16\)"),
    "a foreign weight": (with_a_stranger, r"weights.h5 must hold 39 weights, .* It holds 40"),
    "config is no JSON": (cut("config.json"), r"no checkpoint that is read here"),
    "task is no JSON": (cut("task.json"), r"task.json is no JSON file"),
    "unknown backbone": (changed("config.json", **GPT2), r"config.json describes the class 'keras_hub>GPT2Backbone'"),
    "unknown task": (
        changed("task.json", class_name="BertTagger", registered_name="mine>BertTagger"),
        r"task.json describes the class 'mine>BertTagger' .* Read here are: BertBackbone, BertMaskedLM",
    ),
    "a class in disguise": (
        changed("config.json", registered_name="keras_hub>GPT2Backbone"),
        r"config.json describes the class 'keras_hub>GPT2Backbone'",
    ),
    "probabilities": (changed("task.json", activation="softmax"), r"ends in the activation 'softmax'.*activation=None"),
    "vocabulary too long": (
        lambda d: (d / "assets/tokenizer/vocabulary.txt").write_text("\n".join([*tiny.VOCABULARY, "more"]) + "\n"),
        r"The tokenizer has 16 tokens, and the model's vocabulary_size is 15",
    ),
    "no vocabulary": (without("assets/tokenizer/vocabulary.txt"), r"keras-hub cannot read the preset .*vocabulary.txt"),
    "no tokenizer": (without("tokenizer.json"), r"has no tokenizer.json.*tokenizer=False"),
    "another tokenizer": (
        changed("tokenizer.json", oov_token="[MASK]"),
        r"keras-hub's has \{'oov_token': '\[MASK\]'\}. Pass tokenizer=False",
    ),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return saved(keras_hub.models.BertTextClassifier(backbone(), 3), tmp_path_factory.mktemp("keras_hub") / "preset")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_preset_says_what_is_wrong(name, pristine, tmp_path):
    damage, message = DAMAGES[name]
    directory = shutil.copytree(pristine, tmp_path / "preset")
    damage(directory)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(directory)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("vocabulary_size", 17, "keras-hub cannot read the preset"),
        ("num_layers", 3, "keras-hub cannot read the preset"),
        ("num_layers", 1, r"model\*.weights.h5 must hold 23 weights, .* It holds 39"),
    ],
)
def test_sizes_that_are_not_those_of_the_weights_are_an_error(setting, value, message, tmp_path):
    directory = saved(backbone(), tmp_path / "preset")
    changed("config.json", **{setting: value})(directory)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(directory)


def with_lora():
    model = backbone()
    model.enable_lora(2)
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (with_lora, r"unexpected '.*lora_kernel_a'"),
        (lambda: keras.Sequential([keras.layers.Dense(1)], name="mine"), r"or a keras-hub model: BertBackbone.*mine"),
        (lambda: type("BertBackbone", (), {})(), r"or a keras-hub model: .*Received: <.*BertBackbone object"),
        (lambda: 3, r"or a keras-hub model: .*Received: 3"),
        (lambda: keras_hub.models.BertTextClassifier(backbone(), 3, activation="softmax"), r"activation 'softmax'"),
    ],
)
def test_an_object_that_is_not_read_here_is_named(build, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(build())


def encoder(config=TANH, **changes):
    return models.bert_encoder(tiny.config(**{**config.to_dict(), **changes}))


REFUSED = {
    "exact gelu": (
        lambda: encoder(activation="gelu"),
        r"activation is 'gelu' here, 'gelu_tanh' there.*approximate=True",
    ),
    "relu": (lambda: encoder(activation="relu"), r"activation is 'relu' here, 'gelu_tanh' there.*save_pretrained"),
    "epsilon": (lambda: encoder(layer_norm_epsilon=1e-3), r"layer_norm_epsilon is 0.001 here, 1e-12 there"),
    "dropouts": (lambda: encoder(attention_dropout=0.2), r"attention_dropout is 0.2 here, 0.1 there"),
    "head": (
        lambda: models.masked_lm(encoder()),
        r"masked-LM head is 'gelu_tanh' here, 'gelu' there; layer_norm_epsilon .* is 1e-12 here, 1e-05 there.*approx",
    ),
    "pooler": (
        lambda: models.bert_encoder(TANH, layers.Pooler(activation="relu", name="pooler")),
        r"activation of the pooler is 'relu' here, 'tanh' there",
    ),
    "no segments": (lambda: encoder(num_segments=0), r"Only a BERT is written .*'distilbert'"),
    "factorised": (lambda: encoder(embedding_dim=4), r"Only a BERT is written .*'electra'"),
    "untied": (
        lambda: models.masked_lm(encoder(), layers.MaskedLMHead(15, name="masked_lm")),
        r"no class for a BERT with an untied masked-LM head",
    ),
    "pretraining": (
        lambda: models.bert_pretrainer(encoder()),
        r"no class for a BERT for pretraining. It has: BertBack",
    ),
    "spans": (lambda: models.span_predictor(encoder()), r"no class for a BERT for question_answering"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_hub_does_not_compute_is_refused(name, tmp_path):
    build, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        convert.to_keras_hub(build(), tmp_path / "preset", new_pooler=True)
    assert not (tmp_path / "preset").exists()


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        (lambda: text.BertTokenizer([*tiny.VOCABULARY, "more"]), r"16 tokens, and the model's vocabulary_size is 15"),
        (
            lambda: text.BertTokenizer(tiny.VOCABULARY, rules="huggingface", split_on_cjk=False),
            r"keras-hub's BertTokenizer .*'split_on_cjk': False",
        ),
        (
            lambda: text.BertTokenizer(tiny.VOCABULARY, added_tokens=["film"]),
            r"no added tokens.*'added_tokens': \['film'\]",
        ),
    ],
)
def test_a_tokenizer_that_keras_hub_has_not_is_refused(tokenizer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert.to_keras_hub(encoder(), tmp_path / "preset", tokenizer())


def test_an_exact_bert_is_written_when_the_difference_is_accepted(tmp_path):
    model = randomized(models.masked_lm(models.bert_encoder(tiny.config())))
    convert.to_keras_hub(model, tmp_path / "preset", approximate=True, new_pooler=True)
    theirs = keras_hub.models.BertMaskedLM.from_preset(str(tmp_path / "preset"), preprocessor=None)
    features = checkpoints.FEATURES | {"mask_positions": np.array([[1, 2], [1, 2]], "int32")}
    difference = np.abs(np.asarray(theirs(features)) - np.asarray(model(features))).max()
    assert 1e-5 < difference < 0.05


def test_a_directory_in_use_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"not empty.*overwrite=True"):
        convert.to_keras_hub(encoder(), tmp_path)
    convert.to_keras_hub(encoder(), tmp_path, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["config.json", "metadata.json", "model.weights.h5"]
