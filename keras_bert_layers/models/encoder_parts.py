"""What a model consists of, found by the names of its layers."""

import keras

from keras_bert_layers import ops


def encoder_parts(model: keras.Model) -> tuple:
    """The embeddings layer and the blocks of a model, in the order of their use.

    Raises:
        ValueError: if it has no layers of these names and kinds.
    """
    named = {layer.name: layer for layer in getattr(model, "layers", ())}
    embeddings, stack = named.get("embeddings"), named.get("encoder")
    if not hasattr(embeddings, "token_embedding") or not hasattr(stack, "blocks"):
        raise ValueError(
            "Expected a functional model with the layers `embeddings` (BertEmbeddings) and `encoder` (EncoderStack), "
            f"as keras_bert_layers.models makes it. Received {model!r} with the layers: {', '.join(named) or 'none'}."
        )
    return embeddings, [stack.blocks[index] for index in stack.order or range(len(stack.blocks))]


def is_rotary(model: keras.Model) -> bool:
    """Whether the positions of a model are rotary, as ModernBERT's are."""
    return getattr(encoder_parts(model)[1][0].attention, "rotary", None) is not None


def activation_name(activation) -> str:
    """The name that a configuration has for an activation function."""
    return "gelu_tanh" if activation is ops.gelu_tanh else keras.activations.serialize(activation)
