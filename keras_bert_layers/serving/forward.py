"""A model as one function of features, for all endpoints that need it."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_bert_layers.models.task import task_of

# Features of windows and texts by name -> the model's outputs by name, float32.
Forward = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


def input_specs(model: keras.Model) -> dict[str, tf.TensorSpec]:
    """What the model reads, by name, for any number of rows."""
    return {
        name: tf.TensorSpec((None, *symbol.shape[1:]), symbol.dtype, name=name) for name, symbol in model.input.items()
    }


def plain_forward(model: keras.Model) -> Forward:
    """The model as it is: what its export is compared with."""

    def run(features):
        return named_outputs(model, model({name: features[name] for name in model.input}, training=False))

    return run


def traced_forward(model: keras.Model, jit_compile: bool = False) -> Forward:
    """The model as one graph, which all endpoints of a SavedModel share; with `jit_compile`, compiled by XLA."""
    run = plain_forward(model)
    function = tf.function(run, input_signature=[input_specs(model)], jit_compile=jit_compile or None, autograph=False)
    # A concrete function: a tf.function would be traced a second time for the second endpoint.
    graph = function.get_concrete_function()
    return lambda features: graph({name: features[name] for name in model.input})


def named_outputs(model: keras.Model, outputs) -> dict[str, tf.Tensor]:
    """Outputs by name, in float32: JSON has no half precision. A single one is `vectors` or `logits`."""
    if not isinstance(outputs, dict):
        outputs = {"vectors" if task_of(model) == "sentence_embedding" else "logits": outputs}
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}
