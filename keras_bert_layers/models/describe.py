"""The configuration of a model that is there already."""

import keras

from keras_bert_layers import ops
from keras_bert_layers.models.config import BertConfig


def config_of(model: keras.Model) -> BertConfig:
    """The BertConfig that `bert_encoder` would build this model's encoder from.

    Args:
        model: functional, with the layers `embeddings` (BertEmbeddings) and `encoder` (EncoderStack of
            TransformerEncoder), such as `bert_encoder` makes and every builder of a head keeps.

    Returns:
        A BertConfig.

    Raises:
        ValueError: if a layer is missing, or the blocks differ from each other or from BERT's.

    Example:
        >>> from keras_bert_layers.models import bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> config_of(bert_encoder(config)) == config
        True
    """
    embeddings, blocks = encoder_parts(model)
    settings = [_block_settings(block) for block in blocks]
    if any(each != settings[0] for each in settings):
        raise ValueError(
            f"The blocks of {model.name!r} differ in their settings, for which BertConfig has no place. "
            f"Received: {settings}."
        )
    return BertConfig(
        vocabulary_size=embeddings.vocabulary_size,
        hidden_dim=embeddings.hidden_dim,
        num_layers=len(blocks),
        max_sequence_length=embeddings.position_embedding.sequence_length,
        num_segments=embeddings.num_segments if embeddings.segment_embedding is not None else 0,
        embedding_dim=embeddings.embedding_dim,
        initializer_range=getattr(embeddings.embeddings_initializer, "stddev", BertConfig.initializer_range),
        **settings[0],
    )


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


def activation_name(activation) -> str:
    """The name that a configuration has for an activation function."""
    return "gelu_tanh" if activation is ops.gelu_tanh else keras.activations.serialize(activation)


def _block_settings(block) -> dict:
    if block.normalize_first:
        raise ValueError(f"BERT's blocks normalize after each part; {block.name!r} has normalize_first=True.")
    attention, feed_forward = block.attention, block.feed_forward
    return {
        "num_heads": attention.num_heads,
        "intermediate_dim": feed_forward.intermediate_dim,
        "dropout": feed_forward.dropout,
        "attention_dropout": attention.attention_dropout,
        "activation": activation_name(feed_forward.activation),
        "layer_norm_epsilon": block.layer_norm_epsilon,
    }
