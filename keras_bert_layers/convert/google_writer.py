"""A model out to Google's original TensorFlow 1 format."""

import json
import os
from pathlib import Path

import keras
import numpy as np

from keras_bert_layers import models, text
from keras_bert_layers.convert.atomic_directory import atomic_directory
from keras_bert_layers.convert.bare_vocabulary import VOCABULARY, lowercased_by_convention
from keras_bert_layers.convert.computation import check_computation, computation_of
from keras_bert_layers.convert.families import family_of
from keras_bert_layers.convert.google import CONFIG, table
from keras_bert_layers.convert.own import check_tokenizer
from keras_bert_layers.convert.tasks import is_tied, task_of
from keras_bert_layers.convert.weight_map import collect
from keras_bert_layers.models.precision import check_not_quantized

_PREFIX = "bert_model.ckpt"
# The activations that Google's code knows by name, and the only epsilon it has.
_ACTIVATIONS, _EPSILON = ("gelu", "relu", "tanh"), 1e-12


def to_google(
    model: keras.Model,
    path: str | os.PathLike,
    tokenizer: "text.BertTokenizer | None" = None,
    *,
    approximate: bool = False,
    overwrite: bool = False,
) -> None:
    """Writes the files of Google's BERT releases, which its TensorFlow 1 code and every converter of theirs read.

    They are bert_config.json, bert_model.ckpt.index, bert_model.ckpt.data-00000-of-00001 and, with a tokenizer,
    vocab.txt. The directory takes its name when it is complete: a killed process leaves the old one or the new one.

    The format has a place for the encoder with its pooler, the two heads of pretraining, one text classifier and one
    span head. The activation `"gelu"` stands for its exact form, as in `from_pretrained`; Google's later code computes
    its tanh form.

    Args:
        model: built by keras_bert_layers.models, or of layers under the same names.
        path: of the directory. Its name says whether text is lowercased, since no file does, unless the vocabulary
            shows it: a name with `uncased` is, one with `cased` is not.
        tokenizer: that makes the model's ids. Defaults to `None`: no vocabulary is written.
        approximate: bool. Whether a model with the tanh form of GELU may be written. Defaults to `False`.
        overwrite: bool. Whether a directory that is there is replaced, with all that is in it. Defaults to `False`.

    Raises:
        ValueError: if the directory is not empty, the model is no BERT or has weights that have no place in the format,
            Google's code would compute another model from them, or tokenize text in another way.

    Example:
        >>> import os, tempfile
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> directory = tempfile.mkdtemp()
        >>> to_google(models.bert_pretrainer(models.bert_encoder(config)), directory)
        >>> sorted(os.listdir(directory))
        ['bert_config.json', 'bert_model.ckpt.data-00000-of-00001', 'bert_model.ckpt.index']
    """
    check_not_quantized(model, "Google's format")
    _check_kind(model)
    config = models.config_of(model)
    check_computation(computation_of(model), _computed_there(config), "Google's code", approximate)
    _check_tokenizer(tokenizer, config, Path(path))
    tensors = collect(model, table(config))
    with atomic_directory(path, overwrite) as directory:
        settings = json.dumps(config.to_google(), indent=2, sort_keys=True) + "\n"
        (directory / CONFIG).write_text(settings, encoding="utf-8")
        _save(tensors, directory / _PREFIX)
        if tokenizer is not None:
            tokenizer.save(directory / VOCABULARY)


def _check_kind(model):
    family = family_of(model).model_type
    if family != "bert":
        raise ValueError(
            f"Google's BERT format has no place for the parts of {family}: it holds a BERT with two segments, one set "
            "of weights for each block, and one width. Write the model with `kbl.convert.to_huggingface`."
        )
    if not is_tied(model):
        raise ValueError(
            "Google's BERT format has no place for the output matrix of an untied masked-LM head: its head has the "
            "matrix of the word embeddings. Write the model with `kbl.convert.to_huggingface`."
        )
    if task_of(model) == "sentence_embedding":
        raise ValueError(
            "Google's BERT format does not say how sentence vectors are pooled. Write the encoder that this model was "
            "made from, or the whole model with `kbl.convert.to_huggingface`."
        )


def _computed_there(config):
    known = config.activation in _ACTIVATIONS
    activation = config.activation if known else "gelu" if config.activation == "gelu_tanh" else ", ".join(_ACTIVATIONS)
    return {
        "activation": activation,
        "layer_norm_epsilon": _EPSILON,
        "layer_norm_epsilon of the embeddings": _EPSILON,
        "activation of the pooler": "tanh",
        "intermediate_activation of the masked-LM head": activation,
        "layer_norm_epsilon of the masked-LM head": _EPSILON,
        "activation of the masked-LM head": "linear",
    }


def _check_tokenizer(tokenizer, config, path):
    if tokenizer is None:
        return
    if not isinstance(tokenizer, text.BertTokenizer):
        raise ValueError(f"Google's code tokenizes with a WordPiece vocabulary only. Received: {tokenizer!r}.")
    check_tokenizer(tokenizer, config.vocabulary_size)
    lowercase = tokenizer.lowercase
    if tokenizer.strip_accents != lowercase or not tokenizer.split_on_cjk:
        raise ValueError(
            "Google's code strips accents where it lowercases, and nowhere else, and splits at CJK ideographs. The "
            f"tokenizer has lowercase={lowercase}, strip_accents={tokenizer.strip_accents}, "
            f"split_on_cjk={tokenizer.split_on_cjk}. Leave it out, or write with `kbl.convert.to_huggingface`."
        )
    if lowercased_by_convention(path.resolve().name, tokenizer.vocabulary) != lowercase:
        raise ValueError(
            f"In Google's format only the directory's name says whether text is lowercased. The tokenizer has "
            f"lowercase={lowercase}, and {path.resolve().name!r} with this vocabulary would be read as "
            f"{not lowercase}. Choose a name with {'uncased' if lowercase else 'cased'!r} in it."
        )


def _save(tensors, prefix):
    import tensorflow as tf

    names = sorted(tensors)
    with tf.device("CPU:0"):
        values = [tf.constant(np.asarray(tensors[name], "float32")) for name in names]
        tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values)
