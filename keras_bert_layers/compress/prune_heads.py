"""A model without some of its attention heads, and smaller for it."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from keras_bert_layers import layers
from keras_bert_layers.compress.student import student_of
from keras_bert_layers.layers.parts import serialize_part
from keras_bert_layers.models.encoder_parts import encoder_parts
from keras_bert_layers.models.graph import fresh_inputs, run_graph


def prune_heads(model: keras.Model, heads: Mapping[int, Sequence[int]]) -> keras.Model:
    """A new model without these heads: their columns of W_q, W_k, W_v and rows of W_o are gone, all else is a copy.

    It computes what the model computes with these heads masked (`interpret.head_masked_model`), with smaller matrices.
    It is trained, exported and saved like any other, in this library's own format too; `models.config_of` says it in
    `heads_per_layer`, for which Hugging Face's and the other formats have no place.

    Args:
        model: of keras_bert_layers.models, with any head.
        heads: layer -> the numbers of its heads that go, both counted from 0, such as `interpret.weakest_heads` gives.
            Layers that share their block (ALBERT) lose the same heads: name them for each.

    Returns:
        A functional model with the inputs and outputs of `model`. Not compiled.

    Raises:
        ValueError: if a layer or head is not there, none would be left in a layer, or layers with one block lose
            unlike heads.

    Example:
        >>> from keras_bert_layers import models
        >>> config = models.BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=4, intermediate_dim=16)
        >>> encoder = models.bert_encoder(config)
        >>> pruned = prune_heads(encoder, {0: [1, 3], 1: [0]})
        >>> models.config_of(pruned).heads_per_layer, encoder.count_params() - pruned.count_params()
        ((2, 3), 210)

    Reference:
        Michel et al. 2019, Are Sixteen Heads Really Better than One? (arXiv:1905.10650), section 4.
    """
    _, steps = encoder_parts(model)
    kept = _kept(steps, heads)
    copy = student_of(model, range(len(steps)))
    stack = copy.get_layer("encoder")
    numbers = [kept[(stack.order or range(len(steps))).index(number)] for number in range(len(stack.blocks))]
    blocks = [_pruned(block, number) for block, number in zip(stack.blocks, numbers, strict=True)]
    pruned_stack = layers.EncoderStack(blocks, stack.order, stack.unpad, stack.recompute, name=stack.name)

    def call(operation, *args, **kwargs):
        return (pruned_stack if operation is stack else operation)(*args, **kwargs)

    inputs = fresh_inputs(copy)
    pruned = keras.Model(inputs, run_graph(copy, inputs, call), name=model.name)
    for block, its_copy, heads_left in zip(stack.blocks, blocks, numbers, strict=True):
        _fill(its_copy, block, heads_left)
    return pruned


def _kept(steps, heads):
    """The heads that every layer keeps, in their order."""
    kept = []
    for layer in set(heads) - set(range(len(steps))):
        raise ValueError(f"The layers are 0 to {len(steps) - 1}. `heads` names layer {layer!r}.")
    for layer, block in enumerate(steps):
        if not isinstance(block.attention, layers.SelfAttention):
            raise ValueError(f"Only heads of a SelfAttention are pruned. {block.name!r} has {block.attention!r}.")
        count, gone = block.attention.num_heads, set(heads.get(layer, ()))
        if not gone <= set(range(count)) or len(gone) == count:
            raise ValueError(
                f"Layer {layer} has the heads 0 to {count - 1}, of which it keeps one or more. Received: "
                f"{sorted(gone)}."
            )
        kept.append([head for head in range(count) if head not in gone])
        first = steps.index(block)
        if kept[first] != kept[layer]:
            raise ValueError(
                f"Layers {first} and {layer} share one block and lose the same heads: name them for each layer that "
                f"applies it. Left are {kept[first]} and {kept[layer]}."
            )
    return kept


def _pruned(block, kept):
    if len(kept) == block.attention.num_heads:
        return type(block).from_config(block.get_config())
    attention = block.attention
    fewer = {"num_heads": len(kept), "head_dim": attention.head_dim or _head_dim(attention)}
    attention = type(attention).from_config({**attention.get_config(), **fewer})
    config = {**block.get_config(), "attention": serialize_part(attention)}
    return type(block).from_config({**config, "num_heads": config["num_heads"] and len(kept)})


def _fill(pruned, block, kept):
    """Copies the weights of a block; along the axis in which one is smaller, those of the heads that are kept."""
    size = _head_dim(block.attention)
    places = np.concatenate([np.arange(head * size, (head + 1) * size) for head in kept])
    for new, old in zip(pruned.weights, block.weights, strict=True):
        value = keras.ops.convert_to_numpy(old)
        for axis, (here, there) in enumerate(zip(new.shape, old.shape, strict=True)):
            if here != there:
                value = np.take(value, places, axis)
        new.assign(value)


def _head_dim(attention):
    return attention.query.units // attention.num_heads
