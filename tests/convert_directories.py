"""Tiny checkpoints on disk, written by this library, and ways to damage them."""

import json
from pathlib import Path

import numpy as np
import safetensors.numpy
import tiny
from parity_weights import randomized

from keras_bert_layers import convert, models

FEATURES = {
    "token_ids": np.array([[2, 5, 6, 3], [2, 7, 3, 0]], "int32"),
    "segment_ids": np.array([[0, 0, 1, 1], [0, 0, 0, 0]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], "int32"),
    "mask_positions": np.array([[1, 2], [1, -1]], "int32"),
}


def pretrainer():
    return randomized(models.bert_pretrainer(models.bert_encoder(tiny.config())))


def outputs(model):
    return model({name: FEATURES[name] for name in model.input})


def huggingface(directory: Path, model=None) -> Path:
    """A Hugging Face directory of a model, by default of a pretrainer."""
    convert.to_huggingface(pretrainer() if model is None else model, directory, tiny.tokenizer())
    return directory


def change_config(directory: Path, **settings) -> None:
    """Sets entries of config.json; None removes one."""
    path = directory / "config.json"
    config = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def change_tensors(directory: Path, change) -> None:
    """Writes model.safetensors anew with `change(tensors)`."""
    path = directory / "model.safetensors"
    tensors = dict(safetensors.numpy.load_file(path))
    safetensors.numpy.save_file(change(tensors), path)
