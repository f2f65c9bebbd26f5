"""Trained weights in: one call for every format."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_bert_layers.convert.checkpoint import Pretrained
from keras_bert_layers.convert.formats import recognise
from keras_bert_layers.convert.hub import local_directory
from keras_bert_layers.convert.own import load_own
from keras_bert_layers.convert.tasks import TASKS

if TYPE_CHECKING:
    import keras


def from_pretrained(
    path: "str | os.PathLike | keras.Model",
    task: str | None = None,
    *,
    labels: Sequence[str] | None = None,
    problem_type: str | None = None,
    new_head: bool = False,
    ignore: Sequence[str] = (),
    tokenizer: bool = True,
    format: str | None = None,
) -> Pretrained:
    """A model with the weights of a checkpoint, and its tokenizer; the format is told by the files.

    Every tensor of the checkpoint becomes one weight, or is in `ignored` with the reason; every weight comes from one
    tensor, or is in `fresh` because `new_head` allowed it. Anything else is an error, and no PyTorch pickle is opened.

    Args:
        path: a directory: Hugging Face's (config.json, safetensors), Google's TF1 checkpoint, a Model Garden
            checkpoint, a keras-hub preset, or what `save_pretrained` wrote. Also the prefix of one TensorFlow
            checkpoint (`".../bert_model.ckpt"`), a keras-hub model in memory, or a name on the Hugging Face hub
            (`"org/name"`), which alone touches the network.
        task: `"encoder"`, `"masked_lm"`, `"pretraining"` (BERT: masked LM and next sentence; ALBERT: masked LM and
            sentence order; ELECTRA: replaced tokens), `"text_classification"`, `"token_classification"`,
            `"question_answering"` or `"sentence_embedding"`. Defaults to `None`: what the checkpoint was saved for, as
            its configuration says (a directory of sentence-transformers: by its modules.json), or else its heads.
        labels: names of the classes, for a classifier. Defaults to `None`: those in the checkpoint.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`: what the logits of a text classifier mean.
            Defaults to `None`: what the checkpoint says, or else by their number.
        new_head: bool. Whether a head that the checkpoint lacks, or has for another number of `labels`, begins with
            fresh weights. Defaults to `False`: it is an error.
        ignore: patterns (regular expressions) of the names of tensors to leave out. Defaults to none.
        tokenizer: bool. Whether the tokenizer is read too; False for a checkpoint that comes without its vocabulary, or
            with one that is not read here. Defaults to `True`.
        format: `"huggingface"`, `"google"`, `"model_garden"`, `"keras_hub"` or `"keras_bert_layers"`, for a directory
            with several. Defaults to `None`.

    Returns:
        A Pretrained: `model`, `tokenizer`, `task`, `labels`, ...; it unpacks as `model, tokenizer`. The model is one
        of keras_bert_layers.models and takes what its `preprocessor()` puts out.

    Raises:
        ValueError: if there is no checkpoint, it is damaged, it has no head for the task, it is of a kind that is not
            computed here, or its tensors do not fit its configuration.
        ImportError: if a package is needed that is not installed.

    Example:
        >>> import tempfile
        >>> from keras_bert_layers import convert, models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> directory = tempfile.mkdtemp()
        >>> convert.save_pretrained(models.masked_lm(models.bert_encoder(config)), directory)
        >>> model, tokenizer = from_pretrained(directory, task="encoder")
        >>> sorted(model.output)
        ['sequence_output']
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"`task` must be one of {', '.join(TASKS)}. Received: {task!r}.")
    if not isinstance(path, str | os.PathLike):
        from keras_bert_layers.convert.keras_hub import read_keras_hub_model

        return read_keras_hub_model(path).load(task, labels, new_head, ignore, tokenizer, problem_type)
    directory = local_directory(os.fspath(path))
    name = recognise(directory, format)
    if name == "keras_bert_layers":
        return load_own(directory, task, labels, new_head, ignore, tokenizer, problem_type)
    return _reader(name)(directory).load(task, labels, new_head, ignore, tokenizer, problem_type)


def _reader(name: str):
    """The function that reads a format: directory -> Checkpoint. Each imports what only it needs."""
    if name == "huggingface":
        from keras_bert_layers.convert.huggingface.directory import read_huggingface as read
    elif name == "google":
        from keras_bert_layers.convert.google import read_google as read
    elif name == "model_garden":
        from keras_bert_layers.convert.model_garden import read_model_garden as read
    else:
        from keras_bert_layers.convert.keras_hub import read_keras_hub as read
    return read
