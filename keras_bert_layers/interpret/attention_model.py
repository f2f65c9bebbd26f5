"""The attention and the hidden states of every layer of a model, as a second model over the same layers."""

import inspect

import keras
from keras import ops as kops

from keras_bert_layers import layers, ops
from keras_bert_layers.interpret.watched_block import WatchedBlock
from keras_bert_layers.models.graph import fresh_inputs, run_blocks


def attention_model(model: keras.Model, name: str = "attention_model") -> keras.Model:
    """A_l = softmax(Q_l K_lᵀ / √D) and x_l = block_l(x_{l-1}) of every layer l, without dropout.

    The new model calls the layers of the old one: weights are neither copied nor changed, and what is trained later
    shows in both. A block that is applied several times (ALBERT) is a layer each time.

    Args:
        model: functional, with blocks of the kind TransformerEncoder, alone or in an EncoderStack, at any depth: every
            model of keras_bert_layers.models, and those that are composed by hand of the same layers.
        name: of the new model. Defaults to `"attention_model"`.

    Returns:
        A functional model with the inputs of `model`. Outputs, by name: `attention` float32 [B, L, N, S, S], the
        probabilities with which query i (row) attends to key j; `hidden_states` float32 [B, L + 1, S, H], the input of
        the first block and the output of every block. A row of `attention` has a sum of 1 and zeros at padding and at
        whatever else the query may not see; it is all zeros where a query may attend to nothing. Where blocks differ
        in their number of heads, N is the largest, and the maps of heads that a block lacks are zeros.

    Raises:
        ValueError: if the model is not functional or has no such blocks; the message names the first layer that is
            not one of keras_bert_layers.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> seen = attention_model(models.bert_encoder(config))
        >>> token_ids, padding_mask = np.array([[2, 5, 3, 0]]), np.array([[1, 1, 1, 0]])
        >>> maps = seen({"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": padding_mask})
        >>> maps["attention"].shape, maps["hidden_states"].shape
        (TensorShape([1, 2, 2, 4, 4]), TensorShape([1, 3, 4, 8]))

    Reference:
        Vaswani et al. 2017, Attention Is All You Need (arXiv:1706.03762), section 3.2; Clark et al. 2019, What Does
        BERT Look At? (arXiv:1906.04341).
    """
    inputs = fresh_inputs(model)
    attention, states, strangers, watched = [], [], [], {}

    def call(operation, *args, **kwargs):
        if not isinstance(operation, layers.TransformerEncoder):
            strangers.append(operation)
            return operation(*args, **kwargs)
        _check_attention(operation)
        given = inspect.signature(operation.call).bind(*args, **kwargs).arguments
        with_attention = given.pop("return_attention_scores", False)
        watcher = watched.setdefault(id(operation), WatchedBlock(operation, name=f"watched_{len(watched)}"))
        x, weights = watcher(**given)
        shown = ops.clear_padding(x, given.get("padding_mask"))
        states.extend([shown] if states else [given["inputs"], shown])
        attention.append(weights)
        return (x, weights) if with_attention else x

    run_blocks(model, inputs, call)
    if not attention:
        raise ValueError(_no_blocks(model, strangers))
    num_heads = max(weights.shape[1] for weights in attention)
    outputs = {
        "attention": kops.stack([_with_heads(weights, num_heads) for weights in attention], axis=1),
        "hidden_states": kops.stack([kops.cast(x, "float32") for x in states], axis=1),
    }
    return keras.Model(inputs, outputs, name=name)


def _with_heads(weights, num_heads):
    missing = num_heads - weights.shape[1]
    return kops.pad(weights, ((0, 0), (0, missing), (0, 0), (0, 0))) if missing else weights


def _check_attention(block):
    if not hasattr(block.attention, "attention_weights"):
        raise ValueError(
            f"The attention of {block.name!r} is a {type(block.attention).__name__}, which has no method "
            "`attention_weights` to say what it attends to. Give it one like SelfAttention's, or use SelfAttention."
        )


def _no_blocks(model, operations):
    strange = [each for each in operations if not type(each).__module__.startswith("keras_bert_layers.")]
    first = f" Its first layer that is none of keras_bert_layers is {_about(strange[0])}." if strange else ""
    return (
        f"{model.name!r} has no block of the kind TransformerEncoder, whose attention could be shown.{first} It needs "
        "layers.TransformerEncoder or layers.EncoderStack where it mixes positions, as in keras_bert_layers.models."
    )


def _about(operation):
    return f"{operation.name!r} ({type(operation).__name__})"
