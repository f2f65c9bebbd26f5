"""What is wrong with a Hugging Face directory is said clearly, and nothing is loaded by half."""

import json

import convert_directories as checkpoints
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models


def rename(old, new):
    return lambda tensors: {name.replace(old, new): value for name, value in tensors.items()}


def without(*names):
    return lambda tensors: {name: value for name, value in tensors.items() if name not in names}


def swapped(first, second):
    return lambda tensors: {**tensors, first: tensors[second], second: tensors[first]}


def without_tokenizer(directory):
    for path in directory.iterdir():
        if path.name not in ("config.json", "model.safetensors"):
            path.unlink()


def truncated(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


QUERY = "bert.encoder.layer.0.attention.self.query.weight"

DAMAGES = {
    "truncated": (lambda d: truncated(d / "model.safetensors", 0.7), r"model.safetensors is truncated .*Download it"),
    "header only": (lambda d: truncated(d / "model.safetensors", 0.001), r"model.safetensors is truncated"),
    "no safetensors": (lambda d: (d / "model.safetensors").write_text("<html>404</html>"), r"no safetensors file"),
    "config is no JSON": (lambda d: truncated(d / "config.json", 0.5), r"config.json is no JSON file"),
    "shapes swapped": (
        lambda d: checkpoints.change_tensors(d, swapped(QUERY, "bert.encoder.layer.0.intermediate.dense.weight")),
        r"query.weight' must have shape \[8, 8\] \(for encoder.blocks.0.attention.query.kernel\), found \[16, 8\]",
    ),
    "a tensor is missing": (lambda d: checkpoints.change_tensors(d, without(QUERY)), rf"missing '{QUERY}'"),
    "a foreign tensor": (
        lambda d: checkpoints.change_tensors(
            d, lambda tensors: {**tensors, "adapter.down": np.ones((2, 2), "float32")}
        ),
        r"unexpected 'adapter.down' of shape \[2, 2\]",
    ),
    "integer weights": (
        lambda d: checkpoints.change_tensors(d, lambda tensors: {**tensors, QUERY: np.ones((8, 8), "int64")}),
        r"query.weight' must be of a float dtype, found I64",
    ),
    "vocabulary size": (
        lambda d: checkpoints.change_config(d, vocab_size=17),
        r"word_embeddings.weight' must have shape \[17, 8\] .*, found \[15, 8\]",
    ),
    "more blocks than weights": (
        lambda d: checkpoints.change_config(d, num_hidden_layers=3),
        r"missing 'bert.encoder.layer.2.attention.self.query.weight'",
    ),
    "fewer blocks than weights": (
        lambda d: checkpoints.change_config(d, num_hidden_layers=1),
        r"unexpected 'bert.encoder.layer.1",
    ),
    "unknown model type": (
        lambda d: checkpoints.change_config(d, model_type="gpt2"),
        r"model_type='gpt2'. Read here are: bert",
    ),
    "relative positions": (
        lambda d: checkpoints.change_config(d, position_embedding_type="relative_key"),
        r"position_embedding_type='absolute'.*'relative_key'",
    ),
    "decoder": (lambda d: checkpoints.change_config(d, is_decoder=True), r"is_decoder=False.*True"),
    "cross attention": (lambda d: checkpoints.change_config(d, add_cross_attention=True), r"add_cross_attention=False"),
    "unknown activation": (
        lambda d: checkpoints.change_config(d, hidden_act="mish"),
        r"`hidden_act` must be one of .*'mish'",
    ),
    "no vocabulary": (
        lambda d: [path.unlink() for path in d.glob("*") if path.name not in ("config.json", "model.safetensors")],
        r"vocab",
    ),
    "no weights": (
        lambda d: (d / "model.safetensors").unlink(),
        r"no checkpoint that is read here.*It holds: config.json",
    ),
    "no config": (
        lambda d: (d / "config.json").unlink(),
        r"no checkpoint that is read here.*config.json, model.safetensors",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_directory_says_what_is_wrong(name, tmp_path):
    damage, message = DAMAGES[name]
    directory = checkpoints.huggingface(tmp_path / "model")
    damage(directory)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(directory)


def test_without_a_class_the_heads_say_what_a_checkpoint_was_saved_for(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    checkpoints.change_config(directory, architectures=None)
    assert convert.from_pretrained(directory).task == "pretraining"
    checkpoints.change_config(directory, architectures=["BertForMultipleChoice"])
    assert convert.from_pretrained(directory).task == "encoder"


def test_a_tied_decoder_that_differs_is_an_error(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    other = {"cls.predictions.decoder.weight": np.ones((15, 8), "float32")}
    checkpoints.change_tensors(directory, lambda tensors: tensors | other)
    with pytest.raises(ValueError, match=r"decoder.weight' .* must repeat 'bert.embeddings.word_embeddings.weight'"):
        convert.from_pretrained(directory)
    checkpoints.change_config(directory, tie_word_embeddings=False)
    head = convert.from_pretrained(directory).model.get_layer("masked_lm")
    np.testing.assert_array_equal(head.output_embedding.embeddings, np.ones((15, 8)))


def test_without_a_vocabulary_the_weights_can_be_had(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    without_tokenizer(directory)
    loaded = convert.from_pretrained(directory, tokenizer=False)
    assert loaded.tokenizer is None
    with pytest.raises(ValueError, match="loaded without a tokenizer"):
        loaded.preprocessor()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(name, tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    (directory / "model.safetensors").rename(directory / name)
    with pytest.raises(ValueError, match=r"(?s)is a Python pickle.*weights_only=True"):
        convert.from_pretrained(directory)


def test_a_pickle_beside_safetensors_does_no_harm(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    (directory / "pytorch_model.bin").write_bytes(b"never opened")
    assert convert.from_pretrained(directory).task == "pretraining"


def test_two_formats_in_one_directory_have_to_be_told_apart(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    model = randomized(models.bert_encoder(tiny.config()))
    convert.save_pretrained(model, tmp_path / "own", tiny.tokenizer())
    for path in (tmp_path / "own").iterdir():
        path.rename(directory / path.name)
    with pytest.raises(ValueError, match=r"in 2 formats: keras_bert_layers, huggingface.*format="):
        convert.from_pretrained(directory)
    assert convert.from_pretrained(directory, format="huggingface").task == "pretraining"
    assert convert.from_pretrained(directory, format="keras_bert_layers").task == "encoder"
    with pytest.raises(ValueError, match=r"holds no checkpoint in the format 'google'"):
        convert.from_pretrained(directory, format="google")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "translation"}, r"`task` must be one of encoder, .*'translation'"),
        ({"format": "onnx"}, r"`format` must be one of .*'onnx'"),
    ],
)
def test_an_unknown_argument_lists_what_there_is(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert.from_pretrained(checkpoints.huggingface(tmp_path / "model"), **arguments)


def test_a_shard_that_is_missing_is_named(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    names = {QUERY: "model-00001-of-00002.safetensors"}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ValueError, match=r"lists the shard\(s\) model-00001-of-00002.safetensors, which are not there"):
        convert.from_pretrained(directory)


def test_an_index_that_disagrees_with_its_shards_is_an_error(tmp_path):
    directory = checkpoints.huggingface(tmp_path / "model")
    names = {QUERY: "model.safetensors"}
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ValueError, match=r"disagree about \d+ tensor\(s\)"):
        convert.from_pretrained(directory)
