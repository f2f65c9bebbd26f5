"""What a model and its preprocessing have to be like to be exported."""

import keras
import tensorflow as tf

from keras_bert_layers import models, text
from keras_bert_layers.models.task import task_of
from keras_bert_layers.serving.probes import preprocess

_PREPROCESSORS = (text.BertPreprocessor, text.QuestionPreprocessor, text.WordPreprocessor)


def check_requirements(model: keras.Model, preprocessor, labels, pairs: bool) -> None:
    """Raises a ValueError that says what is missing for an export, and how to mend it."""
    if not isinstance(preprocessor, _PREPROCESSORS):
        raise ValueError(
            "`preprocessor` must be a BertPreprocessor, a QuestionPreprocessor or a WordPreprocessor. "
            f"Received: {preprocessor!r}. A tokenizer becomes one by BertPreprocessor(tokenizer)."
        )
    if not isinstance(model.input, dict):
        raise ValueError(
            "`model` must have named inputs, such as token_ids, segment_ids and padding_mask; build it with a dict of "
            f"inputs. Received a model whose inputs are: {model.input}."
        )
    if any(getattr(layer, "lora_enabled", False) for layer in model._flatten_layers()):
        raise ValueError(
            f"{model.name!r} has LoRA matrices, which would cost time in every answer. Merge them first: "
            "keras_bert_layers.compress.merge_lora(model)."
        )
    _check_task(model, preprocessor, pairs)
    _check_inputs(model, preprocessor)
    _check_lengths(model, preprocessor)
    _check_labels(model, labels)


def _check_task(model, preprocessor, pairs):
    task, kind = task_of(model), type(preprocessor).__name__
    owner = {"QuestionPreprocessor": "question_answering", "WordPreprocessor": "token_classification"}.get(kind)
    if owner is not None and task != owner:
        raise ValueError(
            f"A {kind} goes with a model for {owner}, and this one is for {task}. Pass a BertPreprocessor."
        )
    if pairs and task == "token_classification":
        raise ValueError("`pairs` is for texts that are judged together; entities are found in single texts.")
    tokenizer = preprocessor.tokenizer
    if "mask_positions" not in model.input or isinstance(model.output, dict):
        return
    if tokenizer.mask_id is None or not getattr(tokenizer, "special_tokens_in_strings", True):
        raise ValueError(
            "Words are predicted where a text has the mask token, which this tokenizer does not find in strings. Use a "
            "vocabulary with [MASK] and special_tokens_in_strings=True."
        )


def _check_inputs(model, preprocessor):
    made = set(preprocess(preprocessor, tf.constant(["probe"])))
    missing = set(model.input) - made - {"mask_positions"}
    if missing:
        raise ValueError(
            f"The model needs {', '.join(sorted(missing))}, which the preprocessor does not make from text. Export a "
            f"model that needs only {', '.join(sorted(made))}."
        )


def _check_lengths(model, preprocessor):
    try:
        config = models.config_of(model)
    except ValueError:  # a model of other layers: its own checks have to do
        return
    limit = config.max_sequence_length
    if limit and preprocessor.sequence_length > limit:
        raise ValueError(
            f"The preprocessor's sequence_length is {preprocessor.sequence_length}, the model takes {limit} tokens: "
            f"longer texts would fail. Build the preprocessor with sequence_length={limit}."
        )
    size = preprocessor.tokenizer.vocabulary_size
    if size > config.vocabulary_size:
        raise ValueError(
            f"The tokenizer has {size} tokens, and the model knows {config.vocabulary_size}: it was built for another "
            "vocabulary. Export it with the tokenizer that it was trained with."
        )


def _check_labels(model, labels):
    if labels is None:
        return
    if isinstance(model.output, dict):
        raise ValueError(
            f"`labels` name the classes of a single output, but the model has {', '.join(sorted(model.output))}. "
            "Leave `labels` out to export its raw outputs."
        )
    if len(labels) != model.output.shape[-1]:
        raise ValueError(
            f"`labels` must name each of the model's {model.output.shape[-1]} classes, in the order of its logits. "
            f"Received {len(labels)}: {list(labels)}."
        )
