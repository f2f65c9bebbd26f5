"""Google's TF1 format: every variable is accounted for, outputs are those of the equations, and it is written back."""

import dataclasses
import os
import shutil
from collections import Counter

import bert_arrays
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_checkpoints as checkpoints
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, layers, models, text

P = bert_arrays.random_weights()
EXPECTED = bert_arrays.outputs(P)
PRETRAINING = checkpoints.google(P, "masked_lm", "next_sentence")
QUERY = "bert/encoder/layer_0/attention/self/query/kernel"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A pretraining checkpoint, to be copied: to write one takes longer than most tests."""
    return checkpoints.directory(tmp_path_factory.mktemp("google") / "model", PRETRAINING)


@pytest.fixture
def directory(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "model")


def test_every_variable_is_loaded_or_left_out_for_a_reason(tmp_path):
    tensors = checkpoints.with_optimizer(PRETRAINING)
    loaded = convert.from_pretrained(checkpoints.directory(tmp_path / "model", tensors))
    assert loaded.task == "pretraining"
    assert len(loaded.model.weights) == len(PRETRAINING) == 46
    assert Counter(loaded.ignored.values()) == {"a moment of the optimizer": 92, "the number of training steps": 1}


@pytest.mark.skipif("KBL_TF1_CHECKPOINT" not in os.environ, reason="KBL_TF1_CHECKPOINT names no real checkpoint")
def test_a_real_checkpoint_is_accounted_for_and_comes_back(tmp_path):
    path = os.environ["KBL_TF1_CHECKPOINT"]
    loaded = convert.from_pretrained(path)
    model, tokenizer = loaded
    there = checkpoints.load(tf.train.latest_checkpoint(path) or f"{path}/bert_model.ckpt")
    assert len(model.weights) + len(loaded.ignored) == len(there)
    assert set(loaded.ignored.values()) <= {"a moment of the optimizer", "the number of training steps"}
    convert.to_google(model, tmp_path / ("uncased" if tokenizer.lowercase else "cased"), tokenizer)
    for name, value in checkpoints.load(next(tmp_path.glob("*/*.index")).with_suffix("")).items():
        np.testing.assert_array_equal(value, there[name])


@pytest.mark.parametrize(
    ("heads", "task", "is_default"),
    [
        ((), "encoder", True),
        (("masked_lm",), "masked_lm", True),
        (("masked_lm", "next_sentence"), "pretraining", True),
        (("masked_lm", "next_sentence"), "masked_lm", False),
        (("masked_lm", "next_sentence"), "encoder", False),
        (("classification",), "text_classification", True),
        (("span",), "question_answering", True),
    ],
)
def test_outputs_are_those_of_the_equations(heads, task, is_default, tmp_path):
    directory = checkpoints.directory(tmp_path / "model", checkpoints.google(P, *heads))
    loaded = convert.from_pretrained(directory, None if is_default else task)
    assert loaded.task == task
    bert_arrays.assert_outputs(loaded.model, EXPECTED, task)


POOLER = {"bert/pooler/dense/kernel", "bert/pooler/dense/bias"}


@pytest.mark.parametrize(
    ("heads", "unused"),
    [((), set()), (("masked_lm", "next_sentence"), set()), (("classification",), set()), (("span",), POOLER)],
)
def test_what_was_read_is_written_bit_for_bit(heads, unused, tmp_path):
    tensors = checkpoints.google(P, *heads)
    loaded = convert.from_pretrained(checkpoints.directory(tmp_path / "model", tensors))
    assert set(loaded.ignored) == unused
    convert.to_google(loaded.model, tmp_path / "again", loaded.tokenizer)
    written = checkpoints.load(tmp_path / "again" / "bert_model.ckpt")
    assert set(written) == set(tensors) - unused
    for name, value in written.items():
        np.testing.assert_array_equal(value, tensors[name], strict=True)


def test_the_written_configuration_is_the_one_that_was_read(directory, tmp_path):
    checkpoints.configure(directory, hidden_dropout_prob=0.2, initializer_range=0.05, hidden_act="relu")
    loaded = convert.from_pretrained(directory)
    convert.to_google(loaded.model, tmp_path / "again")
    again = convert.from_pretrained(tmp_path / "again", tokenizer=False)
    assert again.config == loaded.config == tiny.config(dropout=0.2, initializer_range=0.05, activation="relu")


def test_a_fine_tuned_classifier_goes_into_another_number_of_classes_when_asked(tmp_path):
    directory = checkpoints.directory(tmp_path / "model", checkpoints.google(P, "classification"))
    assert convert.from_pretrained(directory, labels=["a", "b", "c"]).labels == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"`labels` names 2 classes, and the head .* has 3"):
        convert.from_pretrained(directory, labels=["a", "b"])
    assert convert.from_pretrained(directory, labels=["a", "b"], new_head=True).fresh == ("classification",)


def test_one_checkpoint_can_be_given_by_its_path(directory):
    checkpoints.save(directory / "other.ckpt", checkpoints.google(bert_arrays.random_weights(seed=1)))
    with pytest.raises(ValueError, match=r"holds 2 TensorFlow checkpoints: bert_model.ckpt, other.ckpt"):
        convert.from_pretrained(directory)
    assert convert.from_pretrained(directory / "bert_model.ckpt").task == "pretraining"
    assert convert.from_pretrained(str(directory / "other.ckpt")).task == "encoder"
    (directory / "checkpoint").write_text('model_checkpoint_path: "other.ckpt"')
    assert convert.from_pretrained(directory).task == "encoder"


@pytest.mark.parametrize(
    ("name", "words", "lowercase"),
    [
        ("uncased_L-12_H-768_A-12", ["Dog"], True),
        ("cased_L-12_H-768_A-12", ["dog"], False),
        ("multi_cased_L-12_H-768_A-12", ["dog"], False),
        ("multilingual_L-12_H-768_A-12", ["dog"], True),
        ("chinese_L-12_H-768_A-12", ["狗", "<S>", "[unused1]"], True),
        ("my_bert", ["dog", "##g"], True),
        ("my_bert", ["dog", "Dog"], False),
        ("my_bert", ["dog", "##G"], False),
    ],
)
def test_the_name_or_else_the_vocabulary_says_whether_text_is_lowercased(name, words, lowercase, pristine, tmp_path):
    directory = shutil.copytree(pristine, tmp_path / name)
    vocabulary = [*tiny.VOCABULARY[:5], *words]
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = convert.from_pretrained(directory).tokenizer
    assert (tokenizer.lowercase, tokenizer.strip_accents) == (lowercase, lowercase)
    assert tokenizer.vocabulary == vocabulary


def test_what_training_leaves_behind_is_left_out_with_its_reason(directory):
    reasons = {
        f"{QUERY}/adam_m": "a moment of the optimizer",
        f"{QUERY}/lamb_v": "a moment of the optimizer",
        f"{QUERY}/Adam": "a moment of the optimizer",
        f"{QUERY}/Adam_1": "a moment of the optimizer",
        "AdamWeightDecayOptimizer/step": "state of the optimizer",
        "beta1_power": "a counter of the optimizer",
        "global_step": "the number of training steps",
        "Variable": "a counter of the training loop",
        "Variable_3": "a counter of the training loop",
        "good_steps": "state of the loss scaling",
        "loss_scale": "state of the loss scaling",
        "current_loss_scale": "state of the loss scaling",
    }
    changed(**dict.fromkeys(reasons, np.ones(2, "float32")))(directory)
    assert convert.from_pretrained(directory).ignored == reasons


def changed(**tensors):
    def damage(directory):
        kept = {name: value for name, value in {**PRETRAINING, **tensors}.items() if value is not None}
        checkpoints.save(directory / "bert_model.ckpt", kept)

    return damage


def configured(**settings):
    return lambda directory: checkpoints.configure(directory, **settings)


def cut(name, share):
    def damage(directory):
        data = (directory / name).read_bytes()
        (directory / name).write_bytes(data[: int(len(data) * share)])

    return damage


INTERMEDIATE = "bert/encoder/layer_0/intermediate/dense/kernel"
DATA = "bert_model.ckpt.data-00000-of-00001"

DAMAGES = {
    "no config": (
        (lambda d: (d / "bert_config.json").rename(d / "albert_config.json")),
        r"has no bert_config.json, .* Copy it from where .* Found: albert_config.json",
    ),
    "config is no JSON": (
        cut("bert_config.json", 0.5),
        r"bert_config.json is no JSON file: .*download it again",
    ),
    "config without sizes": (configured(hidden_size=None), r"in Google's format: it lacks hidden_size"),
    "no data file": ((lambda d: (d / DATA).unlink()), r"bert_model.ckpt cannot be read: .*\.data files"),
    "data file truncated": (cut(DATA, 0.5), r"bert_model.ckpt cannot be read: .*download them again"),
    "index truncated": (cut("bert_model.ckpt.index", 0.5), r"bert_model.ckpt cannot be read"),
    "a tensor is missing": (
        changed(**{QUERY: None}),
        rf"missing '{QUERY}' \(for encoder.blocks.0.attention.query.kernel",
    ),
    "a foreign tensor": (changed(adapter=np.ones((2, 2), "float32")), r"unexpected 'adapter' of shape \[2, 2\]"),
    "shapes swapped": (
        changed(**{QUERY: PRETRAINING[INTERMEDIATE], INTERMEDIATE: PRETRAINING[QUERY]}),
        rf"'{QUERY}' must have shape \[8, 8\] .*, found \[8, 16\]",
    ),
    "another vocabulary size": (
        configured(vocab_size=17),
        r"word_embeddings' must have shape \[17, 8\] .*, found \[15, 8\]",
    ),
    "vocabulary too long": (
        (lambda d: (d / "vocab.txt").write_text("\n".join([*tiny.VOCABULARY, "more"]) + "\n")),
        r"vocab.txt has 16 tokens, and the model has 15",
    ),
    "no vocabulary": ((lambda d: (d / "vocab.txt").unlink()), r"has no vocab.txt.*tokenizer=False"),
    "fewer blocks than weights": (configured(num_hidden_layers=1), r"unexpected 'bert/encoder/layer_1/"),
    "unknown activation": (configured(hidden_act="mish"), r"`hidden_act` must be one of .*'mish'"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_says_what_is_wrong(name, directory):
    damage, message = DAMAGES[name]
    damage(directory)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(directory)


def test_a_single_file_is_no_checkpoint(pristine):
    with pytest.raises(ValueError, match=r"is a file. Give the directory .* without .index"):
        convert.from_pretrained(pristine / "bert_model.ckpt.index")


def test_another_format_than_that_of_the_path_is_an_error(directory):
    with pytest.raises(ValueError, match=r"(?s)no checkpoint in the format 'model_garden'.*It holds: bert_config.json"):
        convert.from_pretrained(directory / "bert_model.ckpt", format="model_garden")


def encoder(**changes):
    return randomized(models.bert_encoder(tiny.config(**changes)))


REFUSED = {
    "no segments": (lambda: encoder(num_segments=0), r"no place for the parts of distilbert"),
    "factorised": (lambda: encoder(embedding_dim=4), r"no place for the parts of electra"),
    "untied": (
        lambda: models.masked_lm(encoder(), layers.MaskedLMHead(15, name="masked_lm")),
        r"untied masked-LM head",
    ),
    "tags": (lambda: models.token_classifier(encoder(), 3), r"layer\(s\) token_classification, for which this format"),
    "sentence vectors": (lambda: models.text_embedder(encoder()), r"does not say how sentence vectors are pooled"),
    "epsilon": (lambda: encoder(layer_norm_epsilon=1e-6), r"layer_norm_epsilon is 1e-06 here, 1e-12 there"),
    "tanh form": (
        lambda: encoder(activation="gelu_tanh"),
        r"activation is 'gelu_tanh' here, 'gelu' there.*approximate",
    ),
    "silu": (
        lambda: encoder(activation="silu"),
        r"activation is 'silu' here, 'gelu, relu, tanh' there.*save_pretrained",
    ),
    "another head": (
        lambda: models.masked_lm(*_with_head(intermediate_activation="relu")),
        r"intermediate_activation of the masked-LM head is 'relu' here, 'gelu' there",
    ),
    "another pooler": (
        lambda: models.bert_encoder(tiny.config(), layers.Pooler(activation="relu", name="pooler")),
        r"activation of the pooler is 'relu' here, 'tanh' there",
    ),
}


def _with_head(**settings):
    base = encoder()
    matrix = base.get_layer("embeddings").token_embedding
    return base, layers.MaskedLMHead(token_embedding=matrix, name="masked_lm", **settings)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_format_has_no_place_for_is_refused(name, tmp_path):
    build, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        convert.to_google(build(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_tanh_form_is_written_when_accepted_and_read_as_the_exact_one(tmp_path):
    model = models.bert_pretrainer(encoder(activation="gelu_tanh"))
    convert.to_google(model, tmp_path / "out", approximate=True)
    again = convert.from_pretrained(tmp_path / "out", tokenizer=False)
    assert again.config == tiny.config()
    for weight, value in zip(again.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("out", {"lowercase": False}, r"lowercase=False, and 'out' .* read as True. Choose a name with 'cased'"),
        ("cased", {}, r"lowercase=True, and 'cased' .* read as False. Choose a name with 'uncased'"),
        ("uncased", {"strip_accents": False}, r"strips accents where it lowercases.*strip_accents=False"),
        ("uncased", {"rules": "huggingface", "split_on_cjk": False}, r"splits at CJK ideographs.*split_on_cjk=False"),
    ],
)
def test_a_tokenizer_that_would_be_read_otherwise_is_refused(name, settings, message, tmp_path):
    tokenizer = text.BertTokenizer(tiny.VOCABULARY, **settings)
    with pytest.raises(ValueError, match=message):
        convert.to_google(encoder(), tmp_path / name, tokenizer)


@pytest.mark.parametrize(("name", "lowercase"), [("out", True), ("uncased", True), ("my_cased", False)])
def test_a_tokenizer_comes_back(name, lowercase, tmp_path):
    tokenizer = text.BertTokenizer(tiny.VOCABULARY, lowercase=lowercase)
    convert.to_google(encoder(), tmp_path / name, tokenizer)
    assert convert.from_pretrained(tmp_path / name).tokenizer.get_config() == tokenizer.get_config()


def test_a_directory_in_use_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"not empty.*overwrite=True"):
        convert.to_google(encoder(), tmp_path)
    convert.to_google(encoder(), tmp_path, overwrite=True)
    assert not (tmp_path / "notes.txt").exists()


def test_a_configuration_comes_back_from_googles_keys():
    config = tiny.config(activation="tanh", dropout=0.0, num_segments=3)
    assert models.BertConfig.from_google(config.to_google()) == config


@pytest.mark.parametrize("changes", [{"layer_norm_epsilon": 1e-5}, {"embedding_dim": 4}])
def test_a_configuration_without_a_place_in_googles_keys_is_refused(changes):
    with pytest.raises(ValueError, match=rf"Google's format.*{next(iter(changes))}={next(iter(changes.values()))}"):
        dataclasses.replace(tiny.config(), **changes).to_google()
