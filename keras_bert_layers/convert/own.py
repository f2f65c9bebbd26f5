"""This library's own format: the model as a `.keras` file, the vocabulary, and what else belongs to it."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_bert_layers import models, text
from keras_bert_layers.convert.atomic_directory import atomic_directory
from keras_bert_layers.convert.checkpoint import Checkpoint, Pretrained
from keras_bert_layers.convert.families import FAMILIES, family_of
from keras_bert_layers.convert.formats import OWN_FILE
from keras_bert_layers.convert.tasks import HeadSettings, is_tied, task_of
from keras_bert_layers.convert.tensor_files import Arrays
from keras_bert_layers.convert.weight_map import Rule, Table, parts_of, weight_at
from keras_bert_layers.models.labels import classifier_head
from keras_bert_layers.version import __version__

_VERSION = 1
_MODEL, _VOCABULARY = "model.keras", "vocab.txt"


def save_pretrained(
    model: keras.Model,
    path: str | os.PathLike,
    tokenizer: "text.BertTokenizer | text.BytePairTokenizer | None" = None,
    labels: Sequence[str] | None = None,
    *,
    sequence_length: int | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a model, its vocabulary and its labels as one directory, which `from_pretrained` reads.

    The directory is written under another name and renamed when complete: a killed process leaves the old one or the
    new one.

    Args:
        model: built by keras_bert_layers.models, or of layers under the same names.
        path: of the directory.
        tokenizer: that makes the model's ids. Defaults to `None`: saved without.
        labels: names of the classes in the order of the logits, which the head of the model keeps. Defaults to `None`:
            those that it has.
        sequence_length: the longest input in tokens. Defaults to `None`: what the model's positions allow.
        overwrite: bool. Whether a directory that is there is replaced, with all that is in it. Defaults to `False`.

    Raises:
        ValueError: if the directory is not empty, model and tokenizer do not belong together, or the number of labels
            is not that of the classes.

    Example:
        >>> import os, tempfile
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> directory = tempfile.mkdtemp()
        >>> save_pretrained(models.bert_encoder(config), directory)
        >>> sorted(os.listdir(directory))
        ['keras_bert_layers.json', 'model.keras']
    """
    family = family_of(model)
    config = family.describe(model)
    check_tokenizer(tokenizer, config.vocabulary_size)
    head = classifier_head(model)
    if head is not None:
        head.describe_classes(labels)
    about = {
        "format_version": _VERSION,
        "keras_bert_layers": __version__,
        "task": task_of(model),
        "model_type": family.model_type,
        "config": config.to_dict(),
        "labels": models.labels_of(model) if labels is None else list(labels),
        "sequence_length": sequence_length or config.max_sequence_length,
        "tokenizer": None,
    }
    with atomic_directory(path, overwrite) as directory:
        if tokenizer is not None:
            about["tokenizer"] = keras.saving.serialize_keras_object(tokenizer)
            if isinstance(tokenizer, text.BertTokenizer):
                tokenizer.save(directory / _VOCABULARY)
                about["tokenizer"]["config"]["vocabulary"] = _VOCABULARY
        (directory / OWN_FILE).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        model.save(directory / _MODEL)


def check_tokenizer(tokenizer, vocabulary_size: int) -> None:
    """Raises a ValueError if a model of that vocabulary cannot read what the tokenizer puts out."""
    if tokenizer is not None and tokenizer.vocabulary_size > vocabulary_size:
        raise ValueError(
            f"The tokenizer has {tokenizer.vocabulary_size} tokens, and the model's vocabulary_size is "
            f"{vocabulary_size}. Pass the tokenizer that the model was trained with."
        )


def load_own(
    directory: Path,
    task: str | None,
    labels: Sequence[str] | None,
    new_head: bool,
    ignore: Sequence[str],
    with_tokenizer: bool,
    problem_type: str | None = None,
) -> Pretrained:
    """What `save_pretrained` wrote, as it was, or with the head of another task."""
    about = _about(directory)
    model = keras.models.load_model(directory / _MODEL, compile=False)
    tokenizer = _tokenizer(directory, about["tokenizer"]) if with_tokenizer else None
    family = FAMILIES[about["model_type"]]
    config = family.describe(model)
    same_classes = labels is None or len(labels) == len(about["labels"] or ())
    if task in (None, about["task"]) and same_classes:
        labels = about["labels"] if labels is None else list(labels)
        if classifier_head(model) is not None:
            classifier_head(model).describe_classes(labels, problem_type)
        return Pretrained(
            model=model,
            tokenizer=tokenizer,
            task=about["task"],
            model_type=family.model_type,
            config=config,
            labels=labels,
            sequence_length=about["sequence_length"],
        )
    named = {layer.name: layer for layer in model.layers}
    tied = is_tied(model)
    table = _identity(family.table(config, tied))
    names = [rule.theirs for part in parts_of(model) & set(table.parts) for rule in table.parts[part]]
    pooling = named.get("pooling")
    modes = {"pooling": pooling, "classifier_pooling": named.get("head_pooling")}
    head = HeadSettings(
        tied=tied,
        normalize="normalize" in named,
        problem_type=models.problem_type_of(model),
        **{name: layer.mode for name, layer in modes.items() if layer is not None},
    )
    checkpoint = Checkpoint(
        family=family,
        config=config,
        tensors=Arrays(str(directory), {name: keras.ops.convert_to_numpy(weight_at(model, name)) for name in names}),
        table=table,
        tokenizer=lambda: tokenizer,
        task=about["task"],
        labels=about["labels"],
        head=head,
        has_pooling=pooling is not None,
        sequence_length=about["sequence_length"],
    )
    loaded = checkpoint.load(task, labels, new_head, ignore, with_tokenizer, problem_type)
    left_out = {
        weight.path: f"belongs to the layer {layer.name!r}, which this model has not"
        for layer in model.layers
        if layer.weights and layer.name not in table.parts
        for weight in layer.weights
    }
    return dataclasses.replace(loaded, ignored=loaded.ignored | left_out)


def _about(directory):
    path = directory / OWN_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}. Save the model again, or copy the directory anew.") from error
    if version != _VERSION:
        raise ValueError(
            f"{path} has format_version {version}; this version of keras_bert_layers reads {_VERSION}. "
            f"It was written by version {about.get('keras_bert_layers')}: install that or a newer one."
        )
    if not (directory / _MODEL).exists():
        raise ValueError(f"{directory} lacks {_MODEL}. Copy the whole directory that save_pretrained wrote.")
    return about


def _tokenizer(directory, config):
    if config is None:
        return None
    if config["config"].get("vocabulary") == _VOCABULARY:
        config["config"]["vocabulary"] = text.BertTokenizer(directory / _VOCABULARY).vocabulary
    return keras.saving.deserialize_keras_object(config)


def _identity(table):
    """The table whose tensors have the names of the weights."""
    return Table(
        {part: [Rule((path,), path) for rule in rules for path in rule.ours] for part, rules in table.parts.items()}
    )
