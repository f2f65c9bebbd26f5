"""A smaller model to begin with: some of the blocks of a trained one."""

from collections.abc import Sequence

import keras

from keras_bert_layers import layers as kbl_layers
from keras_bert_layers import models
from keras_bert_layers.compress.lora import has_lora
from keras_bert_layers.models.encoder_parts import encoder_parts
from keras_bert_layers.models.precision import check_not_quantized


def student_of(model: keras.Model, layers: Sequence[int] | None = None) -> keras.Model:
    """A new model with some of the blocks of a trained one, and with its embeddings and head: all weights are copies.

    The usual beginning of a distillation: trained a little, it is nearly as good as the model it comes from, where one
    with random blocks would need its pretraining again. Of an ALBERT, whose blocks share weights, the student applies
    them fewer times: it takes less time, and as much memory.

    Args:
        model: of keras_bert_layers.models, with any head.
        layers: numbers of the layers to keep, rising from 0. Defaults to `None`: every other one, from the first, as
            DistilBERT was begun.

    Returns:
        A functional model with the inputs and outputs of `model`, its blocks named `block_0`, `block_1`, ... All of it
        is trainable. Not compiled.

    Raises:
        ValueError: if a layer is not there or the numbers do not rise; if LoRA is not merged; or if the blocks that are
            kept are not those of a model of the same family.

    Example:
        >>> from keras_bert_layers.models import BertConfig, bert_encoder, text_classifier
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=4, num_heads=2, intermediate_dim=16)
        >>> student = student_of(text_classifier(bert_encoder(config), num_classes=2))
        >>> len(student.get_layer("encoder").blocks), student.output.shape
        (2, (None, 2))

    Reference:
        Sanh et al. 2019, DistilBERT (arXiv:1910.01108), section 3; Sajjad et al. 2023, On the Effect of Dropping Layers
        (arXiv:2004.03844).
    """
    check_not_quantized(model, "a copy of its blocks")
    if has_lora(model):
        raise ValueError(f"Merge the LoRA matrices of {model.name!r} before copying its blocks: `merge_lora`.")
    embeddings, steps = encoder_parts(model)
    kept = list(range(0, len(steps), 2)) if layers is None else list(layers)
    if not kept or kept != sorted(set(kept)) or not 0 <= kept[0] <= kept[-1] < len(steps):
        raise ValueError(
            f"`layers` must be numbers of the {len(steps)} layers of {model.name!r}, 0 to {len(steps) - 1}, rising. "
            f"Received: {kept}."
        )
    stack = model.get_layer("encoder")
    copies = {}

    def copy(layer):
        copies[layer] = _stack_of(layer, kept) if layer is stack else _copy(layer, embeddings, copies)
        return copies[layer]

    student = keras.models.clone_model(model, clone_function=copy)
    for layer, its_copy in copies.items():
        # A functional model also holds operations, which have no weights.
        if layer is not stack and isinstance(layer, keras.layers.Layer):
            its_copy.set_weights(layer.get_weights())
    for block, its_copy in _pairs(stack, copies[stack], kept):
        its_copy.set_weights(block.get_weights())
    models.unfreeze(student)
    _check_family(model, student, kept)
    return student


def _stack_of(stack, kept):
    config = stack.get_config()
    if stack.order is None:
        config["blocks"] = [config["blocks"][number] for number in kept]
        for number, block in enumerate(config["blocks"]):
            block["config"] = {**block["config"], "name": f"block_{number}"}
    else:
        config["order"] = [stack.order[number] for number in kept]
        if set(config["order"]) != set(stack.order):
            raise ValueError(
                f"{stack.name!r} applies blocks with shared weights in the order {stack.order}, and a student has each "
                f"of them at least once. Received layers={kept}, which leave {config['order']}."
            )
    return type(stack).from_config(config)


def _copy(layer, embeddings, copies):
    config = layer.get_config()
    tied = isinstance(layer, kbl_layers.MaskedLMHead) and layer.token_embedding is embeddings.token_embedding
    if not tied:
        return type(layer).from_config(config)
    # Copied by itself, the head would get a matrix of its own.
    head = type(layer).from_config({**config, "token_embedding": None, "vocabulary_size": embeddings.vocabulary_size})
    head.token_embedding, head.vocabulary_size = copies[embeddings].token_embedding, layer.vocabulary_size
    return head


def _pairs(stack, its_copy, kept):
    if stack.order is None:
        return zip([stack.blocks[number] for number in kept], its_copy.blocks, strict=True)
    return zip(stack.blocks, its_copy.blocks, strict=True)


def _check_family(model, student, kept):
    """Raises a ValueError if the student cannot be described, and so neither saved nor converted, but the model can."""
    try:
        models.config_of(model)
    except ValueError:
        return
    try:
        models.config_of(student)
    except ValueError as error:
        raise ValueError(
            f"Layers {kept} of {model.name!r} make no model of its family: {error} Choose layers whose kinds "
            "follow each other as in the whole model, beginning with layer 0."
        ) from error
