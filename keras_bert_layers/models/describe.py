"""The configuration of a model that is there already."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.albert_config import AlbertConfig
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.encoder_parts import activation_name, encoder_parts, is_rotary
from keras_bert_layers.models.modernbert_config import ModernBertConfig
from keras_bert_layers.models.modernbert_describe import modernbert_config_of


def config_of(model: keras.Model) -> BertConfig | ModernBertConfig:
    """The configuration that this model's encoder would be built from.

    Args:
        model: functional, with the layers `embeddings` (BertEmbeddings) and `encoder` (EncoderStack of
            TransformerEncoder), such as the encoders of keras_bert_layers.models and every head on them.

    Returns:
        A BertConfig, for `bert_encoder` and those that are built like it; an AlbertConfig if the EncoderStack has an
        `order`; if the positions are rotary, the ModernBertConfig of `modernbert_config_of`.

    Raises:
        ValueError: if a layer is missing, or the blocks differ from each other or from BERT's.

    Example:
        >>> from keras_bert_layers.models import bert_encoder
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> config_of(bert_encoder(config)) == config
        True
    """
    if is_rotary(model):
        return modernbert_config_of(model)
    embeddings, blocks = encoder_parts(model)
    fields = {
        "vocabulary_size": embeddings.vocabulary_size,
        "hidden_dim": embeddings.hidden_dim,
        "max_sequence_length": getattr(embeddings.position_embedding, "sequence_length", 0),
        "num_segments": embeddings.num_segments if embeddings.segment_embedding is not None else 0,
        "embedding_dim": embeddings.embedding_dim,
        "initializer_range": getattr(embeddings.embeddings_initializer, "stddev", BertConfig.initializer_range),
        **_settings_of_all(model, embeddings, blocks),
    }
    order = model.get_layer("encoder").order
    if order is None:
        return BertConfig(num_layers=len(blocks), **fields)
    return _albert_config(model, tuple(order), fields)


def _settings_of_all(model, embeddings, blocks):
    settings = [_block_settings(block, embeddings.hidden_dim) for block in blocks]
    heads = tuple(block.attention.num_heads for block in blocks)
    if any(each != settings[0] for each in settings):
        raise ValueError(
            f"The blocks of {model.name!r} differ in their settings, for which a BertConfig has no place. "
            f"Received: {settings}."
        )
    if embeddings.norm.epsilon != settings[0]["layer_norm_epsilon"]:
        raise ValueError(
            f"The embeddings of {model.name!r} normalize with epsilon {embeddings.norm.epsilon}, its blocks with "
            f"{settings[0]['layer_norm_epsilon']}; a BertConfig has one for both."
        )
    pruned = heads != (settings[0]["num_heads"],) * len(heads)
    return settings[0] | {"heads_per_layer": heads if pruned else None}


def _albert_config(model, order, fields):
    """The AlbertConfig with that order; of several, the one with the fewest blocks in a group."""
    num_blocks = len(model.get_layer("encoder").blocks)
    for blocks_per_group in range(1, num_blocks + 1):
        sizes = {"num_groups": num_blocks // blocks_per_group, "num_layers": len(order) // blocks_per_group}
        if num_blocks % blocks_per_group == 0 and sizes["num_groups"] <= sizes["num_layers"]:
            config = AlbertConfig(**fields, **sizes, blocks_per_group=blocks_per_group)
            if config.order == order:
                return config
    raise ValueError(
        f"The order {list(order)}, in which {model.name!r} applies its {num_blocks} blocks, is none of an ALBERT: one "
        "group of blocks after another, each applied in turn for its share of the layers."
    )


def _block_settings(block, hidden_dim) -> dict:
    if block.normalize_first:
        raise ValueError(f"BERT's blocks normalize after each part; {block.name!r} has normalize_first=True.")
    attention, feed_forward = block.attention, block.feed_forward
    if not isinstance(attention, layers.SelfAttention) or attention.rotary or attention.window:
        raise ValueError(f"BERT's attention is a plain SelfAttention; {block.name!r} has {attention!r}.")
    if not isinstance(feed_forward, layers.FeedForward):
        raise ValueError(f"BERT's feed-forward part is a FeedForward; {block.name!r} has {feed_forward!r}.")
    epsilons = {block.attention_norm.epsilon, block.feed_forward_norm.epsilon}
    if len(epsilons) > 1:
        raise ValueError(f"BERT has one epsilon for all normalizations; {block.name!r} has {sorted(epsilons)}.")
    head_dim = attention.head_dim or hidden_dim // attention.num_heads
    if hidden_dim % head_dim:
        raise ValueError(f"BERT's heads have a size that divides {hidden_dim}; {block.name!r} has {head_dim}.")
    return {
        # What it had before any head was removed.
        "num_heads": hidden_dim // head_dim,
        "intermediate_dim": feed_forward.intermediate_dim,
        "dropout": feed_forward.dropout,
        "attention_dropout": attention.attention_dropout,
        "activation": activation_name(feed_forward.activation),
        "layer_norm_epsilon": epsilons.pop(),
    }
