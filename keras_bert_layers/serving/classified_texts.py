"""Strings to classes, values or vectors: what a model says of whole texts."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_bert_layers import models
from keras_bert_layers.serving.forward import Forward
from keras_bert_layers.serving.settings import Settings, pad_to_bucket


def classify_texts(forward: Forward, model: keras.Model, preprocessor, settings: Settings):
    """A function of the texts, string [B] or two of these, that gives what `answer` gives for the model's logits."""
    problem_type = None if isinstance(model.output, dict) else models.problem_type_of(model)

    def answers_of(*texts):
        features = preprocessor(texts if settings.pairs else texts[0])
        outputs = forward(pad_to_bucket(features, settings.buckets, preprocessor.tokenizer.pad_id))
        return answer(outputs, settings.labels, problem_type)

    return answers_of


def answer(outputs: dict, labels: Sequence[str] | None, problem_type: str | None) -> dict[str, tf.Tensor]:
    """What the text endpoint gives for `logits`: a value, the classes by name, or the outputs where none has a name."""
    if problem_type == "regression":
        logits = outputs["logits"]
        return {"value": tf.squeeze(logits, -1) if logits.shape[-1] == 1 else logits}
    if labels is None:
        return outputs
    return (several_classes if problem_type == "multi_label" else one_class)(outputs["logits"], labels)


def several_classes(logits: tf.Tensor, labels: Sequence[str]) -> dict[str, tf.Tensor]:
    """sigmoid(logits), and all labels with the likeliest first; the first `count` of them have more than 0.5.

    JSON answers are rectangular, so a row cannot have only its own labels; sorted, none has to be left empty, and a
    client may take another threshold.
    """
    probabilities = tf.sigmoid(logits)
    scores, order = tf.math.top_k(probabilities, k=len(labels))
    return {
        "probabilities": probabilities,
        "labels": tf.gather(tf.constant(list(labels)), order),
        "scores": scores,
        "count": tf.reduce_sum(tf.cast(scores > 0.5, tf.int32), axis=-1),
    }


def one_class(logits: tf.Tensor, labels: Sequence[str]) -> dict[str, tf.Tensor]:
    """softmax(logits), the most likely label and its probability."""
    probabilities = tf.nn.softmax(logits)
    return {
        "probabilities": probabilities,
        "label": tf.gather(tf.constant(list(labels)), tf.argmax(probabilities, axis=-1)),
        "score": tf.reduce_max(probabilities, axis=-1),
    }
