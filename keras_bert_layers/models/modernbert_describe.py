"""The configuration of a ModernBERT that is there already."""

import keras

from keras_bert_layers import layers
from keras_bert_layers.models.encoder_parts import activation_name, encoder_parts
from keras_bert_layers.models.modernbert import modernbert_block
from keras_bert_layers.models.modernbert_config import ModernBertConfig

# What a part's config holds besides what it computes.
_IRRELEVANT = {"name", "dtype", "trainable", "kernel_initializer", "bias_initializer", "output_initializer"}
_IRRELEVANT |= {"flash_attention", "right_padded"}


def modernbert_config_of(model: keras.Model) -> ModernBertConfig:
    """The ModernBertConfig that `modernbert_encoder` would build this model's encoder from.

    A model without a head does not say how its head would be made: those fields have their defaults.

    Args:
        model: functional, with the layers `embeddings` (BertEmbeddings), `encoder` (EncoderStack of TransformerEncoder)
            and `final_norm` (LayerNormalization), such as `modernbert_encoder` makes and every head on it.

    Returns:
        A ModernBertConfig.

    Raises:
        ValueError: if a layer is missing, or is made otherwise than that configuration would make it.

    Example:
        >>> from keras_bert_layers.models import modernbert_encoder
        >>> config = ModernBertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
        >>> modernbert_config_of(modernbert_encoder(config)).intermediate_dim
        6
    """
    embeddings, blocks = encoder_parts(model)
    named = {layer.name: layer for layer in model.layers}
    if not all(_has_its_parts(block) for block in blocks) or "final_norm" not in named:
        raise ValueError(
            f"{model.name!r} is no ModernBERT: it needs blocks of SelfAttention with `rotary` and GatedFeedForward, "
            f"and a layer `final_norm`. Received blocks of {sorted({_kinds(block) for block in blocks})} and "
            f"the layers {', '.join(named)}."
        )
    attention, feed_forward = blocks[0].attention, blocks[0].feed_forward
    # What it had before any head was removed.
    num_heads = embeddings.hidden_dim // (attention.head_dim or embeddings.hidden_dim // attention.num_heads)
    heads = tuple(block.attention.num_heads for block in blocks)
    is_global = [block.attention.window is None for block in blocks]
    config = ModernBertConfig(
        vocabulary_size=embeddings.vocabulary_size,
        hidden_dim=embeddings.hidden_dim,
        num_layers=len(blocks),
        num_heads=num_heads,
        heads_per_layer=None if set(heads) == {num_heads} else heads,
        intermediate_dim=feed_forward.intermediate_dim,
        global_attention_every=is_global.index(True, 1) if any(is_global[1:]) else len(blocks),
        global_max_wavelength=attention.rotary.max_wavelength,
        activation=activation_name(feed_forward.activation),
        embedding_dropout=embeddings.dropout,
        attention_dropout=attention.dropout,
        feed_forward_dropout=feed_forward.dropout,
        attention_bias=attention.use_bias,
        feed_forward_bias=feed_forward.use_bias,
        norm_bias=named["final_norm"].center,
        layer_norm_epsilon=named["final_norm"].epsilon,
        initializer_range=getattr(embeddings.embeddings_initializer, "stddev", ModernBertConfig.initializer_range),
        **_of_local_blocks(blocks),
        **_of_length_limit(named.get("length_limit")),
        **_of_classifier(named.get("head_transform")),
        **_of_head(named.get("masked_lm"), embeddings),
    )
    _check(model, embeddings, blocks, config)
    return config


def _of_local_blocks(blocks):
    local = [block.attention for block in blocks if block.attention.window is not None]
    if not local:
        return {}
    return {"local_window": local[0].window.window_size, "local_max_wavelength": local[0].rotary.max_wavelength}


def _of_length_limit(limit):
    return {} if limit is None else {"max_sequence_length": limit.max_sequence_length}


def _of_head(head, embeddings):
    if not isinstance(head, layers.MaskedLMHead):
        return {}
    return {
        "head_activation": activation_name(head.intermediate_activation),
        "head_bias": head.use_bias,
        "output_bias": head.use_output_bias,
        "tie_embeddings": head.token_embedding is embeddings.token_embedding,
    }


def _of_classifier(transform):
    if transform is None:
        return {}
    return {"head_activation": activation_name(transform.activation), "head_bias": transform.use_bias}


def _check(model, embeddings, blocks, config):
    """Raises a ValueError unless every block is the one that the configuration makes."""
    if embeddings.position_embedding is not None or embeddings.segment_embedding is not None:
        raise ValueError(f"ModernBERT embeds tokens only; {model.name!r} has a table of positions or segments.")
    norms = [_relevant(embeddings.norm), _relevant(model.get_layer("final_norm"))]
    if norms[0] != norms[1]:
        raise ValueError(f"ModernBERT normalizes alike everywhere; {model.name!r} begins and ends with {norms}.")
    for number, block in enumerate(blocks):
        found, expected = _settings(block), _settings(modernbert_block(config, number))
        different = [name for name in expected if found[name] != expected[name]]
        if different:
            raise ValueError(
                f"Block {number} of {model.name!r} is not the one of a ModernBERT whose first blocks are like these. "
                f"Expected: { {name: expected[name] for name in different} }. "
                f"Received: { {name: found[name] for name in different} }."
            )


def _settings(block):
    parts = ("attention", "feed_forward", "attention_norm", "feed_forward_norm")
    return {
        "normalize_first": block.normalize_first,
        **{name: _relevant(getattr(block, name)) for name in parts},
        "rotary": _relevant(block.attention.rotary),
        "window": _relevant(block.attention.window),
    }


def _relevant(part):
    """The kind of a part, and what its config says about the computation."""
    if part is None:
        return None
    config = {key: value for key, value in part.get_config().items() if key not in _IRRELEVANT}
    return type(part).__name__, {key: value for key, value in config.items() if not isinstance(value, dict)}


def _has_its_parts(block):
    attention = getattr(block, "attention", None)
    return (
        isinstance(attention, layers.SelfAttention)
        and attention.rotary is not None
        and isinstance(block.feed_forward, layers.GatedFeedForward)
    )


def _kinds(block):
    parts = (getattr(block, name, None) for name in ("attention", "feed_forward"))
    return f"{type(block).__name__} ({', '.join(type(part).__name__ for part in parts)})"
