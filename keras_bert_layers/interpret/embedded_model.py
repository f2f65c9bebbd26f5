"""A model cut in two where its embeddings end, so that they can be moved."""

from typing import NamedTuple

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.graph import fresh_inputs, run_graph


class EmbeddedModel(NamedTuple):
    """Both halves of a model.

    Args:
        embed: the inputs of the model -> its embeddings, float [B, S, H].
        rest: the same inputs and `embedded`, float [B, S, H] -> the outputs of the model.
    """

    embed: keras.Model
    rest: keras.Model


def embedded_model(model: keras.Model) -> EmbeddedModel:
    """Both halves of a functional model, over the same layers; the cut is behind BertEmbeddings or TokenEmbedding.

    Raises:
        ValueError: if the model is not functional, or has not exactly one such layer, called once.
    """
    inputs, found = fresh_inputs(model), []

    def call(operation, *args, **kwargs):
        output = operation(*args, **kwargs)
        if not isinstance(operation, layers.BertEmbeddings | layers.TokenEmbedding) or kwargs.get("reverse"):
            return output
        moved = keras.Input(batch_shape=output.shape, dtype=output.dtype, name="embedded")
        found.append((output, moved))
        return moved

    outputs = run_graph(model, inputs, call)
    if len(found) != 1:
        raise ValueError(
            "Expected a functional model that embeds its tokens once, by BertEmbeddings or TokenEmbedding. "
            f"{model.name!r} does so {len(found)} times."
        )
    output, moved = found[0]
    if not isinstance(inputs, dict):
        inputs = {each.name: each for each in keras.tree.flatten(inputs)}
    return EmbeddedModel(keras.Model(inputs, output), keras.Model({**inputs, "embedded": moved}, outputs))
