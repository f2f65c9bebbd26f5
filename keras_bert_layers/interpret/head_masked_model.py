"""A model in which every attention head has a factor of its own."""

import inspect

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.graph import fresh_inputs, run_blocks


def head_masked_model(model: keras.Model, name: str = "head_masked_model") -> keras.Model:
    """The same model with one input more: ξ, the factors of the outputs of all heads (1: as it was, 0: taken away).

    Args:
        model: functional, with blocks of the kind TransformerEncoder around a SelfAttention, as in `attention_model`.
        name: of the new model. Defaults to `"head_masked_model"`.

    Returns:
        A functional model over the same layers, with the outputs of `model`. Inputs: those of `model`, by name, and
        `head_mask` float32 [B, L, N]; every example has its own. Where blocks differ in their number of heads, N is
        the largest, and the factors of heads that a block lacks are not read.

    Raises:
        ValueError: if the model is not functional, or has no such blocks or others besides.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> masked = head_masked_model(models.bert_encoder(config))
        >>> masked.input["head_mask"].shape
        (None, 2, 2)

    Reference:
        Michel et al. 2019, Are Sixteen Heads Really Better than One? (arXiv:1905.10650), section 2.3.
    """
    inputs = fresh_inputs(model)
    sizes = heads_of(model)
    head_mask = keras.Input((len(sizes), max(sizes)), dtype="float32", name="head_mask")
    steps = iter(range(len(sizes)))

    def call(operation, *args, **kwargs):
        if not isinstance(operation, layers.TransformerEncoder):
            return operation(*args, **kwargs)
        step = next(steps)
        given = inspect.signature(operation.call).bind(*args, **kwargs).arguments
        return operation(**{**given, "head_mask": head_mask[:, step, : sizes[step]]})

    outputs = run_blocks(model, inputs, call)
    if not isinstance(inputs, dict):
        inputs = {each.name: each for each in keras.tree.flatten(inputs)}
    return keras.Model({**inputs, "head_mask": head_mask}, outputs, name=name)


def heads_of(model: keras.Model) -> list[int]:
    """How many heads every layer has, in the order in which the layers are applied."""
    sizes = []

    def call(operation, *args, **kwargs):
        if isinstance(operation, layers.TransformerEncoder):
            if not isinstance(operation.attention, layers.SelfAttention):
                raise ValueError(
                    f"The attention of {operation.name!r} is a {type(operation.attention).__name__}, whose heads have "
                    "no factors: they are an argument of layers.SelfAttention."
                )
            sizes.append(operation.attention.num_heads)
        return operation(*args, **kwargs)

    run_blocks(model, fresh_inputs(model), call)
    if not sizes:
        raise ValueError(f"{model.name!r} has no block of the kind TransformerEncoder, whose heads could be masked.")
    return sizes
