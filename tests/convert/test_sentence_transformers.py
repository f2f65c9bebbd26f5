"""Directories of sentence-transformers: what they are loaded as, and what becomes of modules that are not computed."""

import json

import convert_directories as checkpoints
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models


@pytest.fixture
def embedder():
    return randomized(models.text_embedder(models.bert_encoder(tiny.config(), pooler=False), "max"))


@pytest.fixture
def directory(embedder, tmp_path):
    return checkpoints.huggingface(tmp_path / "embedder", embedder)


def add_dense(directory):
    path = directory / "modules.json"
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    path.write_text(json.dumps([*json.loads(path.read_text()), dense]))


def add_second_mode(directory):
    path = directory / "1_Pooling" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pooling_mode_mean_tokens": True}))


FAULTS = {
    "another module": (add_dense, "lists the modules Transformer, Pooling, Normalize, Dense"),
    "two ways of pooling": (add_second_mode, "pools by"),
    "no JSON": (lambda directory: (directory / "modules.json").write_text("[{"), "is no JSON file"),
    "no settings": (lambda directory: (directory / "1_Pooling" / "config.json").unlink(), "1_Pooling"),
}
faults = pytest.mark.parametrize(("damage", "message"), FAULTS.values(), ids=FAULTS)


@pytest.mark.parametrize("named", [["BertModel"], ["BertForMaskedLM"], None])
def test_it_is_a_sentence_embedder_whatever_class_its_configuration_names(named, directory, embedder):
    checkpoints.change_config(directory, architectures=named)
    loaded = convert.from_pretrained(directory)
    assert loaded.task == "sentence_embedding"
    np.testing.assert_allclose(checkpoints.outputs(loaded.model), checkpoints.outputs(embedder), atol=1e-6)


def test_without_modules_it_is_what_its_configuration_says(directory):
    (directory / "modules.json").unlink()
    assert convert.from_pretrained(directory).task == "encoder"


@faults
def test_a_pooling_that_is_not_computed_here_is_refused(damage, message, directory):
    damage(directory)
    with pytest.raises(ValueError, match=message):
        convert.from_pretrained(directory)
    with pytest.raises(ValueError, match=message):
        convert.from_pretrained(directory, task="sentence_embedding")


@faults
def test_a_pooling_that_is_not_computed_here_does_not_keep_the_encoder_from_loading(damage, message, directory):
    damage(directory)
    assert "sequence_output" in convert.from_pretrained(directory, task="encoder").model.output
