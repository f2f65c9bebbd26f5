"""A model out to Hugging Face's format."""

import json
import os
from collections.abc import Sequence

import keras

from keras_bert_layers import models, text
from keras_bert_layers.convert.atomic_directory import atomic_directory
from keras_bert_layers.convert.families import family_of
from keras_bert_layers.convert.huggingface.heads import PROBLEM_TYPES, check_heads
from keras_bert_layers.convert.huggingface.pooling import Pooling, write_pooling
from keras_bert_layers.convert.huggingface_tokenizer import write_tokenizer
from keras_bert_layers.convert.own import check_tokenizer
from keras_bert_layers.convert.tasks import is_tied, task_of
from keras_bert_layers.convert.tensor_files import SINGLE, require_safetensors
from keras_bert_layers.convert.weight_map import collect
from keras_bert_layers.models.precision import check_not_quantized


def to_huggingface(
    model: keras.Model,
    path: str | os.PathLike,
    tokenizer: "text.BertTokenizer | text.BytePairTokenizer | None" = None,
    labels: Sequence[str] | None = None,
    *,
    model_type: str | None = None,
    sequence_length: int | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the directory that `transformers` reads with `from_pretrained`, with no key missing or unexpected.

    A BERT or an ALBERT without head and pooler is the exception: transformers makes a fresh pooler for it, unless it is
    told add_pooling_layer=False.

    It holds model.safetensors, config.json and, with a tokenizer, vocab.txt or tokenizer.json and
    tokenizer_config.json; of a sentence embedder also what sentence-transformers reads. It takes its name when it is
    complete: a killed process leaves the old directory or the new one.

    Args:
        model: built by keras_bert_layers.models, or of layers under the same names.
        path: of the directory.
        tokenizer: that makes the model's ids. Defaults to `None`: none is written.
        labels: names of the classes in the order of the logits. Defaults to `None`: those of the model.
        model_type: Hugging Face's name of the family. Defaults to `None`: told by the model's parts. An ELECTRA without
            head or factorised embeddings has the parts of a BERT, and is written as one unless this is `"electra"`.
        sequence_length: the longest input in tokens. Defaults to `None`: what the model's positions allow.
        overwrite: bool. Whether a directory that is there is replaced, with all that is in it. Defaults to `False`.

    Raises:
        ValueError: if the directory is not empty, the model has weights that have no place in the format, transformers
            would compute something else from them, or the number of labels is not that of its classes.
        ImportError: if safetensors is not installed.

    Example:
        >>> import os, tempfile
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> directory = tempfile.mkdtemp()
        >>> to_huggingface(models.masked_lm(models.bert_encoder(config, pooler=False)), directory)
        >>> sorted(os.listdir(directory))
        ['config.json', 'model.safetensors']
    """
    check_not_quantized(model, "the format of transformers")
    family = family_of(model, model_type)
    config = family.describe(model)
    check_tokenizer(tokenizer, config.vocabulary_size)
    task = task_of(model)
    class_of_task = {**family.classes, "sentence_embedding": family.classes["encoder"]}
    if task not in class_of_task:
        raise ValueError(f"A {family.model_type} for {task} has no class in transformers. It has: {family.classes}.")
    layers = {layer.name: layer for layer in model.layers}
    check_heads(model, family, config, task)
    tied = is_tied(model)
    settings = {
        "architectures": [class_of_task[task]],
        "model_type": family.model_type,
        **family.write_config(config),
        "tie_word_embeddings": tied,
        "dtype": "float32",
        **_classes(model, labels, family.dropout_keys.get(task)),
        **({"classifier_pooling": layers["head_pooling"].mode} if "head_pooling" in layers else {}),
        **({} if tokenizer is None else {"pad_token_id": tokenizer.pad_id}),
    }
    tensors = collect(model, family.table(config, tied))
    library = require_safetensors()
    with atomic_directory(path, overwrite) as directory:
        text_of_config = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
        (directory / "config.json").write_text(text_of_config, encoding="utf-8")
        library.numpy.save_file(tensors, directory / SINGLE, metadata={"format": "pt"})
        if tokenizer is not None:
            write_tokenizer(tokenizer, directory)
        if task == "sentence_embedding":
            limit = sequence_length or config.max_sequence_length
            pooling = Pooling(layers["pooling"].mode, "normalize" in layers, limit)
            write_pooling(directory, pooling, config.hidden_dim)


def _classes(model, labels, dropout_key):
    """What config.json says of a classifier: the names of its classes, what its logits mean, where there is a key its
    dropout."""
    layers = {layer.name: layer for layer in model.layers}
    head = layers.get("classification") or layers.get("token_classification")
    if head is None:
        if labels is not None:
            raise ValueError(f"`labels` are names of classes, and the model has no classifier. Received: {labels}.")
        return {}
    labels = models.labels_of(model) if labels is None else labels
    labels = [f"LABEL_{number}" for number in range(head.num_classes)] if labels is None else list(labels)
    if len(labels) != head.num_classes:
        raise ValueError(f"`labels` must name the {head.num_classes} classes of the model. Received: {labels}.")
    return {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
        **({"problem_type": PROBLEM_TYPES[head.problem_type]} if "classification" in layers else {}),
        **({dropout_key: head.dropout} if dropout_key else {}),
    }
