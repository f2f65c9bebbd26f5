"""The functions of a SavedModel: what goes in and what comes out, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from keras_bert_layers.models.task import task_of
from keras_bert_layers.serving.answers_to_questions import answer_questions, question_preprocessor
from keras_bert_layers.serving.classified_texts import classify_texts
from keras_bert_layers.serving.entities_in_texts import find_in_texts
from keras_bert_layers.serving.forward import Forward, input_specs
from keras_bert_layers.serving.input_checks import checked_ids, of_declared_shape
from keras_bert_layers.serving.masked_words import fill_masks
from keras_bert_layers.serving.settings import Settings


@dataclass(frozen=True)
class Endpoint:
    """A function of a dict of tensors, and what it is fed with.

    Args:
        function: dict of tensors by the names of `specs` -> dict of tensors, one row for each row of the input.
        specs: the shape and type of each input.
    """

    function: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
    specs: dict[str, tf.TensorSpec]


@dataclass(frozen=True)
class TextTask:
    """How strings are answered.

    Args:
        inputs: names of the strings.
        function: the strings, [B] each -> dict of tensors.
    """

    inputs: tuple[str, ...]
    function: Callable[..., dict[str, tf.Tensor]]


def text_task(forward: Forward, model: keras.Model, preprocessor, settings: Settings) -> TextTask | None:
    """The task of a model that takes strings; None where a model reads what strings do not give."""
    outputs = model.output
    names = ("text", "text_pair") if settings.pairs else ("text",)
    if answers_questions(model, preprocessor):
        questions = question_preprocessor(preprocessor)
        return TextTask(("question", "context"), answer_questions(forward, questions, settings))
    if "mask_positions" in model.input:
        is_single = not isinstance(outputs, dict)
        return TextTask(names, fill_masks(forward, preprocessor, settings)) if is_single else None
    if marks_words(model, preprocessor, settings):
        length = preprocessor.sequence_length
        return TextTask(("text",), find_in_texts(forward, preprocessor.tokenizer, length, settings))
    return TextTask(names, classify_texts(forward, model, preprocessor, settings))


def answers_questions(model: keras.Model, preprocessor) -> bool:
    """Whether strings are questions: the model points at starts and ends."""
    return isinstance(model.output, dict) and set(model.output) == {"start", "end"}


def marks_words(model: keras.Model, preprocessor, settings: Settings) -> bool:
    """Whether strings are answered word by word: the model gives tags, and they have names."""
    return task_of(model) == "token_classification" and settings.labels is not None


def traced(task: TextTask) -> TextTask:
    """The same task as one graph, which the endpoints that answer strings share."""
    specs = [tf.TensorSpec((None,), tf.string, name=name) for name in task.inputs]
    # A concrete function: a tf.function would be traced a second time for the second endpoint.
    graph = tf.function(task.function, input_signature=specs, autograph=False).get_concrete_function()
    return TextTask(task.inputs, lambda *texts: graph(*texts))


def text_endpoint(task: TextTask) -> Endpoint:
    """Strings in, answers out."""
    specs = {name: tf.TensorSpec((None,), tf.string, name=name) for name in task.inputs}

    def serve_text(inputs):
        inputs = of_declared_shape(inputs, specs)
        return task.function(*(inputs[name] for name in task.inputs))

    return Endpoint(serve_text, specs)


def examples_endpoint(task: TextTask) -> Endpoint:
    """Serialized `tf.train.Example`s in, with one string feature for each input of `text`; the same answers out."""
    specs = {"examples": tf.TensorSpec((None,), tf.string, name="examples")}
    features = {name: tf.io.FixedLenFeature((), tf.string) for name in task.inputs}

    def serve_examples(inputs):
        inputs = of_declared_shape(inputs, specs)
        parsed = tf.io.parse_example(inputs["examples"], features)
        return task.function(*(parsed[name] for name in task.inputs))

    return Endpoint(serve_examples, specs)


def ids_endpoint(forward: Forward, model: keras.Model) -> Endpoint:
    """The model's inputs in, its outputs out."""
    specs = input_specs(model)

    def serve_ids(inputs):
        return forward(checked_ids(of_declared_shape(inputs, specs), model))

    return Endpoint(serve_ids, specs)


def describe_endpoint(description: dict) -> Endpoint:
    """What the SavedModel is, once for each row of `rows`, whatever that says.

    A server that joins requests to batches wants an input, and a row of each output for each row of it.
    """
    specs = {"rows": tf.TensorSpec((None,), tf.string, name="rows")}

    def describe(inputs):
        number = tf.shape(of_declared_shape(inputs, specs)["rows"])[0]
        constants = {
            name: tf.constant(value, tf.string if isinstance(value, list) else None)
            for name, value in description.items()
        }
        return {
            name: tf.broadcast_to(value, tf.concat([[number], tf.shape(value)], axis=0))
            for name, value in constants.items()
        }

    return Endpoint(describe, specs)
