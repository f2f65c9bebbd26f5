"""What a model can be loaded for: the builder of each task, and the parts that a model of it consists of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from keras_bert_layers import models
from keras_bert_layers.models.parts import masked_lm_head
from keras_bert_layers.models.task import PRETRAINING_HEADS, task_of, task_of_parts

__all__ = ["BUILDERS", "PRETRAINING_HEADS", "TASKS", "Builder", "HeadSettings", "is_tied", "task_of", "task_of_parts"]

TASKS = (
    "encoder",
    "masked_lm",
    "pretraining",
    "text_classification",
    "token_classification",
    "question_answering",
    "sentence_embedding",
)


@dataclass(frozen=True)
class HeadSettings:
    """What the head of a task needs to be told.

    Args:
        num_classes: int. Outputs of a classifier.
        labels: their names, or None.
        problem_type: what the logits of a text classifier mean, as ClassificationHead has it; None: as by their number.
        dropout: float. Before a classifier.
        tied: bool. Whether the masked-LM head shares the matrix of the token embedding.
        pooling: `"mean"`, `"max"` or `"cls"`, of a sentence embedding.
        classifier_pooling: `"cls"` or `"mean"`, of a ModernBERT's text classifier.
        normalize: bool. Whether sentence embeddings have length 1.
    """

    num_classes: int = 2
    labels: tuple[str, ...] | None = None
    problem_type: str | None = None
    dropout: float = 0.1
    tied: bool = True
    pooling: str = "mean"
    classifier_pooling: str = "cls"
    normalize: bool = True


# What puts the head of a task on an encoder, given what is known of the head and the encoder's configuration.
Builder = Callable[[keras.Model, HeadSettings, Any], keras.Model]

# Task -> its builder. A family of models may have another one for a task.
BUILDERS: dict[str, Builder] = {
    "encoder": lambda encoder, head, config: encoder,
    "masked_lm": lambda encoder, head, config: models.masked_lm(encoder, masked_lm_head(encoder, head.tied)),
    "pretraining": lambda encoder, head, config: models.bert_pretrainer(encoder, masked_lm_head(encoder, head.tied)),
    "text_classification": lambda encoder, head, config: models.text_classifier(
        encoder, head.num_classes, head.dropout, labels=head.labels, problem_type=head.problem_type
    ),
    "token_classification": lambda encoder, head, config: models.token_classifier(
        encoder, head.num_classes, head.dropout, labels=head.labels
    ),
    "question_answering": lambda encoder, head, config: models.span_predictor(encoder),
    "sentence_embedding": lambda encoder, head, config: models.text_embedder(encoder, head.pooling, head.normalize),
}


def is_tied(model: keras.Model) -> bool:
    """Whether the masked-LM head, if there is one, has the matrix of the token embedding."""
    named = {layer.name: layer for layer in model.layers}
    return (
        not hasattr(named.get("masked_lm"), "token_embedding")
        or named["masked_lm"].token_embedding is named["embeddings"].token_embedding
    )
