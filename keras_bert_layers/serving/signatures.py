"""The functions of a SavedModel: what goes in and what comes out, by name."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_bert_layers import models


def ids_signature(model: keras.Model) -> tuple[Callable, list[tf.TensorSpec]]:
    """Model inputs in, raw outputs out.

    Returns:
        A function of a dict with the model's inputs by name, and its input signature. It returns a dict, float32: the
        model's outputs by name, or `logits` where it has only one.
    """
    specs = {
        name: tf.TensorSpec((None, *symbol.shape[1:]), symbol.dtype, name=name) for name, symbol in model.input.items()
    }

    def serve_ids(inputs):
        return named_outputs(model(inputs, training=False))

    return serve_ids, [specs]


def text_signature(
    model: keras.Model,
    preprocessor: keras.layers.Layer,
    labels: Sequence[str] | None = None,
    pairs: bool = False,
) -> tuple[Callable, list[tf.TensorSpec]]:
    """Strings in, probabilities and labels out.

    Returns:
        A function of `text` string [B] (and `text_pair`, string [B]), and its input signature. It returns a dict, as
        `answer` gives it for the model's problem type; of a model with several outputs, what `ids_signature` returns.
    """
    problem_type = None if isinstance(model.output, dict) else models.problem_type_of(model)
    names = ("text", "text_pair") if pairs else ("text",)
    specs = {name: tf.TensorSpec((None,), tf.string, name=name) for name in names}

    def serve_text(inputs):
        texts = tuple(inputs[name] for name in names)
        features = preprocessor(texts if pairs else texts[0])
        outputs = named_outputs(model({name: features[name] for name in model.input}, training=False))
        return answer(outputs, labels, problem_type)

    return serve_text, [specs]


def named_outputs(outputs) -> dict[str, tf.Tensor]:
    """Outputs by name, in float32: JSON has no half precision."""
    outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}


def answer(outputs: dict, labels: Sequence[str] | None, problem_type: str | None) -> dict[str, tf.Tensor]:
    """What the text signature gives for `logits`: a value, the classes by name, or the logits where none has a name."""
    if problem_type == "regression":
        logits = outputs["logits"]
        return {"value": tf.squeeze(logits, -1) if logits.shape[-1] == 1 else logits}
    if labels is None:
        return outputs
    return (several_classes if problem_type == "multi_label" else classified)(outputs["logits"], labels)


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


def classified(logits: tf.Tensor, labels: Sequence[str]) -> dict[str, tf.Tensor]:
    """softmax(logits), the most likely label and its probability."""
    probabilities = tf.nn.softmax(logits)
    return {
        "probabilities": probabilities,
        "label": tf.gather(tf.constant(list(labels)), tf.argmax(probabilities, axis=-1)),
        "score": tf.reduce_max(probabilities, axis=-1),
    }
