"""What a model can be loaded for: the builder of each task, and the parts that a model of it consists of."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from keras_bert_layers import layers, models

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
        dropout: float. Before a classifier.
        tied: bool. Whether the masked-LM head shares the matrix of the token embedding.
        pooling: `"mean"`, `"max"` or `"cls"`, of a sentence embedding.
        normalize: bool. Whether sentence embeddings have length 1.
    """

    num_classes: int = 2
    dropout: float = 0.1
    tied: bool = True
    pooling: str = "mean"
    normalize: bool = True


def _masked_lm(encoder, settings):
    return models.masked_lm(encoder, untied_head(encoder, settings))


def _pretraining(encoder, settings):
    return models.bert_pretrainer(encoder, untied_head(encoder, settings))


def untied_head(encoder: keras.Model, settings: HeadSettings) -> layers.MaskedLMHead | None:
    """A masked-LM head with a matrix of its own, set like the encoder; None for the standard, tied one."""
    if settings.tied:
        return None
    standard = models.masked_lm(encoder).get_layer("masked_lm")
    return layers.MaskedLMHead(
        encoder.get_layer("embeddings").vocabulary_size,
        intermediate_activation=standard.intermediate_activation,
        layer_norm_epsilon=standard.layer_norm_epsilon,
        kernel_initializer=standard.kernel_initializer,
        name="masked_lm",
    )


# Task -> what puts its head on an encoder. A family of models may have another head for a task.
BUILDERS: dict[str, Callable[[keras.Model, HeadSettings], keras.Model]] = {
    "encoder": lambda encoder, settings: encoder,
    "masked_lm": _masked_lm,
    "pretraining": _pretraining,
    "text_classification": lambda encoder, settings: models.text_classifier(
        encoder, settings.num_classes, settings.dropout
    ),
    "token_classification": lambda encoder, settings: models.token_classifier(
        encoder, settings.num_classes, settings.dropout
    ),
    "question_answering": lambda encoder, settings: models.span_predictor(encoder),
    "sentence_embedding": lambda encoder, settings: models.text_embedder(encoder, settings.pooling, settings.normalize),
}

# The layer by which a model of a task is known.
_HEADS = {
    "next_sentence": "pretraining",
    "replaced_token": "pretraining",
    "masked_lm": "masked_lm",
    "classification": "text_classification",
    "token_classification": "token_classification",
    "span": "question_answering",
    "pooling": "sentence_embedding",
}


def task_of(model: keras.Model) -> str:
    """The task that a model was built for, known by the names of its layers."""
    names = {layer.name for layer in model.layers}
    return next((task for head, task in _HEADS.items() if head in names), "encoder")
