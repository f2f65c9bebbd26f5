"""The functions of a SavedModel: what goes in and what comes out, by name."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


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
        A function of `text` string [B] (and `text_pair`, string [B]), and its input signature. It returns a dict. With
        one output and labels: `probabilities` float32 [..., C], `label` string [...], the most likely one, and
        `score` float32 [...], its probability; otherwise what `ids_signature` returns.
    """
    names = ("text", "text_pair") if pairs else ("text",)
    specs = {name: tf.TensorSpec((None,), tf.string, name=name) for name in names}

    def serve_text(inputs):
        texts = tuple(inputs[name] for name in names)
        features = preprocessor(texts if pairs else texts[0])
        outputs = named_outputs(model({name: features[name] for name in model.input}, training=False))
        return outputs if labels is None else classified(outputs["logits"], labels)

    return serve_text, [specs]


def named_outputs(outputs) -> dict[str, tf.Tensor]:
    """Outputs by name, in float32: JSON has no half precision."""
    outputs = outputs if isinstance(outputs, dict) else {"logits": outputs}
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}


def classified(logits: tf.Tensor, labels: Sequence[str]) -> dict[str, tf.Tensor]:
    """softmax(logits), the most likely label and its probability."""
    probabilities = tf.nn.softmax(logits)
    return {
        "probabilities": probabilities,
        "label": tf.gather(tf.constant(list(labels)), tf.argmax(probabilities, axis=-1)),
        "score": tf.reduce_max(probabilities, axis=-1),
    }
