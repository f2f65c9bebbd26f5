"""A model out to a keras-hub preset."""

import os

import keras

from keras_bert_layers import models, text
from keras_bert_layers.convert.atomic_directory import atomic_directory
from keras_bert_layers.convert.computation import check_computation, computation_of
from keras_bert_layers.convert.families import family_of
from keras_bert_layers.convert.keras_hub_model import CLASSES
from keras_bert_layers.convert.keras_hub_names import COMPUTED, table, variable_at
from keras_bert_layers.convert.own import check_tokenizer
from keras_bert_layers.convert.tasks import is_tied, task_of
from keras_bert_layers.convert.weight_map import collect
from keras_bert_layers.models.precision import check_not_quantized


def to_keras_hub(
    model: keras.Model,
    path: str | os.PathLike,
    tokenizer: "text.BertTokenizer | None" = None,
    *,
    sequence_length: int | None = None,
    approximate: bool = False,
    new_pooler: bool = False,
    overwrite: bool = False,
) -> None:
    """Writes the preset directory that keras-hub's `from_preset(path)` reads.

    An encoder becomes a BertBackbone, the models of the tasks a BertMaskedLM, BertTextClassifier or BertTextEmbedder;
    with a tokenizer also a BertTokenizer and the task's preprocessor. keras-hub's tokenizer keeps the settings, and
    differs from Google's in rare characters: no-break spaces do not split words, ß becomes ss where it lowercases. The
    directory takes its name when it is complete: a killed process leaves the old one or the new one.

    keras-hub's BERT computes the tanh form of GELU in its blocks, and the exact form and an epsilon of 1e-5 in its
    masked-LM head. Google's and Hugging Face's published BERTs have the exact form and 1e-12 everywhere.

    Args:
        model: built by keras_bert_layers.models, or of layers under the same names.
        path: of the directory.
        tokenizer: that makes the model's ids. Defaults to `None`: none is written.
        sequence_length: of the preprocessor, in tokens. Defaults to `None`: what the model's positions allow.
        approximate: bool. Whether a model is written although keras-hub computes a slightly different one: the other
            form of GELU (0.0005 at most), another epsilon up to 1e-5. Defaults to `False`: it is an error.
        new_pooler: bool. Whether a model without a pooler gets an untrained one, since every BertBackbone has one.
            Defaults to `False`: it is an error.
        overwrite: bool. Whether a directory that is there is replaced, with all that is in it. Defaults to `False`.

    Raises:
        ValueError: if the directory is not empty, the model is no BERT or of a task that keras-hub has no class for, or
            keras-hub would compute another model from its weights.

    Example:
        >>> import os, tempfile
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(
        ...     vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16, activation="gelu_tanh"
        ... )
        >>> directory = tempfile.mkdtemp()
        >>> to_keras_hub(models.bert_encoder(config), directory)
        >>> sorted(os.listdir(directory))
        ['config.json', 'metadata.json', 'model.weights.h5']
    """
    check_not_quantized(model, "keras-hub's format")
    task, config = _check_kind(model, new_pooler), models.config_of(model)
    config.require_all_heads()
    there = {**COMPUTED, "attention_dropout": config.dropout}
    check_computation(computation_of(model), there, "keras-hub's BERT", approximate)
    check_tokenizer(tokenizer, config.vocabulary_size)
    theirs_tokenizer = None if tokenizer is None else _tokenizer(tokenizer)
    theirs = _built(model, task, config, theirs_tokenizer, sequence_length or config.max_sequence_length)
    for place, value in collect(model, table(config)).items():
        variable_at(theirs, place).assign(value)
    with atomic_directory(path, overwrite) as directory:
        theirs.save_to_preset(str(directory))
        if theirs_tokenizer is not None:
            theirs_tokenizer.save_to_preset(str(directory))


def _check_kind(model, new_pooler):
    family = family_of(model).model_type
    if family != "bert":
        raise ValueError(
            f"Only a BERT is written to keras-hub. The model is of the family {family!r}: use "
            "`kbl.convert.to_huggingface`."
        )
    task = task_of(model)
    if task not in CLASSES.values() or not is_tied(model):
        what = f"a BERT for {task}" if is_tied(model) else "a BERT with an untied masked-LM head"
        raise ValueError(
            f"keras-hub has no class for {what}. It has: {', '.join(CLASSES)}. Use `kbl.convert.to_huggingface`."
        )
    if not new_pooler and "pooler" not in {layer.name for layer in model.layers}:
        raise ValueError(
            f"Every BertBackbone of keras-hub has a pooler, and {model.name!r} has none. Pass new_pooler=True to write "
            "it with an untrained one: a masked-LM model or a sentence embedder does not use it."
        )
    return task


def _built(model, task, config, tokenizer, sequence_length):
    """keras-hub's model of these sizes, with fresh weights."""
    import keras_hub

    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=config.vocabulary_size,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        hidden_dim=config.hidden_dim,
        intermediate_dim=config.intermediate_dim,
        dropout=config.dropout,
        max_sequence_length=config.max_sequence_length,
        num_segments=config.num_segments,
        dtype="float32",
    )
    if task == "encoder":
        return backbone
    named = {layer.name: layer for layer in model.layers}
    settings = {}
    if task == "text_classification":
        settings = {"num_classes": named["classification"].num_classes, "dropout": named["classification"].dropout}
    elif task == "sentence_embedding":
        settings = {"pooling_mode": named["pooling"].mode, "normalize": "normalize" in named}
    kind = getattr(keras_hub.models, next(name for name, of in CLASSES.items() if of == task))
    preprocessor = None
    if tokenizer is not None:
        preprocessor = kind.preprocessor_cls(tokenizer, sequence_length=sequence_length)
    return kind(backbone, preprocessor=preprocessor, **settings)


def _tokenizer(tokenizer):
    import keras_hub

    if not isinstance(tokenizer, text.BertTokenizer) or tokenizer.added_tokens or not tokenizer.split_on_cjk:
        raise ValueError(
            "keras-hub's BertTokenizer is a WordPiece tokenizer that splits at CJK ideographs and knows no added "
            f"tokens. Received: {tokenizer!r} with {tokenizer.get_config()}."
        )
    return keras_hub.models.BertTokenizer(
        vocabulary=tokenizer.vocabulary,
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.strip_accents,
        special_tokens=list(tokenizer.special_tokens) or None,
        special_tokens_in_strings=tokenizer.special_tokens_in_strings,
    )
