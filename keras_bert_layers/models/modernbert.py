"""ModernBERT as a functional model: the layers of BERT with other parts."""

import keras

from keras_bert_layers import layers, ops
from keras_bert_layers.models.masked_lm import masked_lm
from keras_bert_layers.models.modernbert_config import ModernBertConfig
from keras_bert_layers.models.parts import encoder_inputs, output_of


def modernbert_encoder(
    config: ModernBertConfig, pooler: bool | keras.layers.Layer = False, name: str = "modernbert_encoder"
) -> keras.Model:
    """ModernBERT without a head: token embeddings, pre-norm blocks with rotary positions, and a last normalization.

    Every `global_attention_every`-th block, from the first, sees the whole sequence; the others see a window.

    Args:
        config: the sizes and settings.
        pooler: whether the model ends in a Pooler, for heads that read `pooled_output`, or a layer to use as such,
            [B, S, H] -> [B, H]. The published models have none. Defaults to `False`.
        name: of the model. Defaults to `"modernbert_encoder"`.

    Returns:
        A functional model. Inputs, int32 [B, S] each, by name: `token_ids`, `segment_ids` (of no effect: it has no
        segments), `padding_mask` (1 = a real token). Outputs, by name: `sequence_output` float [B, S, H] and, with a
        pooler, `pooled_output` float [B, H]. Its layers are `length_limit` (LengthLimit), `embeddings`
        (BertEmbeddings), `encoder` (EncoderStack) and `final_norm` (LayerNormalization).

    Raises:
        ValueError: if `config` is not a ModernBertConfig; from the model, if a sequence is longer than
            `max_sequence_length` (InvalidArgumentError inside a graph).

    Example:
        >>> config = ModernBertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
        >>> encoder = modernbert_encoder(config)
        >>> {name: output.shape for name, output in encoder.output.items()}
        {'sequence_output': (None, None, 8)}

    Reference:
        Warner et al. 2024, Smarter, Better, Faster, Longer (arXiv:2412.13663), section 2.1.
    """
    _check_config(config)
    inputs = encoder_inputs()
    embeddings = layers.BertEmbeddings(
        config.vocabulary_size,
        config.hidden_dim,
        max_sequence_length=0,
        num_segments=0,
        dropout=config.embedding_dropout,
        layer_norm_epsilon=config.layer_norm_epsilon,
        embeddings_initializer=_initializer(config),
        norm=_norm(config, "norm"),
        name="embeddings",
    )
    blocks = [modernbert_block(config, number) for number in range(config.num_layers)]
    x = embeddings(layers.LengthLimit(config.max_sequence_length, name="length_limit")(inputs["token_ids"]))
    x = layers.EncoderStack(blocks, name="encoder")(x, padding_mask=inputs["padding_mask"])
    outputs = {"sequence_output": _norm(config, "final_norm")(x)}
    if pooler is True:
        pooler = layers.Pooler(_initializer(config), name="pooler")
    if pooler:
        outputs["pooled_output"] = pooler(outputs["sequence_output"])
    return keras.Model(inputs, outputs, name=name)


def modernbert_masked_lm(encoder: keras.Model, config: ModernBertConfig, name: str = "masked_lm") -> keras.Model:
    """The encoder under ModernBERT's masked-LM head, tied to its token embedding unless the config says otherwise.

    Args:
        encoder: from `modernbert_encoder`. Its layers are shared with the new model, not copied.
        config: that of the encoder; it says how the head is made.
        name: of the model. Defaults to `"masked_lm"`.

    Returns:
        A functional model. Inputs: those of the encoder and `mask_positions` int32 [B, M], padded with -1. Output: the
        logits, float [B, M, V]. The head is the layer `masked_lm` (MaskedLMHead).

    Raises:
        ValueError: if `encoder` has no `sequence_output`, or `config` is not a ModernBertConfig.

    Example:
        >>> config = ModernBertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
        >>> modernbert_masked_lm(modernbert_encoder(config), config).output.shape
        (None, None, 10)

    Reference:
        Warner et al. 2024, Smarter, Better, Faster, Longer (arXiv:2412.13663), section 2.2.
    """
    output_of(encoder, "sequence_output")
    _check_config(config)
    head = layers.MaskedLMHead(
        vocabulary_size=config.vocabulary_size,
        token_embedding=encoder.get_layer("embeddings").token_embedding if config.tie_embeddings else None,
        intermediate_activation=_activation(config.head_activation),
        layer_norm_epsilon=config.layer_norm_epsilon,
        kernel_initializer=_output_initializer(config),
        use_bias=config.head_bias,
        use_output_bias=config.output_bias,
        norm=_norm(config, "norm"),
        name="masked_lm",
    )
    return masked_lm(encoder, head, name)


def modernbert_block(config: ModernBertConfig, number: int) -> layers.TransformerEncoder:
    """The block at this place, counted from 0: the place says what it sees, and whether it normalizes its input."""
    is_global = number % config.global_attention_every == 0
    initializers = {"kernel_initializer": _initializer(config), "output_initializer": _output_initializer(config)}
    num_heads = config.heads_per_layer[number] if config.heads_per_layer else config.num_heads
    attention = layers.SelfAttention(
        num_heads,
        config.attention_dropout,
        config.attention_dropout,
        use_bias=config.attention_bias,
        rotary=layers.RotaryEmbedding(
            config.global_max_wavelength if is_global else config.local_max_wavelength, name="rotary"
        ),
        window=None if is_global else layers.SlidingWindow(config.local_window, name="window"),
        head_dim=None if num_heads == config.num_heads else config.hidden_dim // config.num_heads,
        name="attention",
        **initializers,
    )
    feed_forward = layers.GatedFeedForward(
        config.intermediate_dim,
        _activation(config.activation),
        config.feed_forward_dropout,
        config.feed_forward_bias,
        name="feed_forward",
        **initializers,
    )
    # What the embeddings give to the first block is normalized already.
    first = keras.layers.Identity(name="attention_norm") if number == 0 else None
    return layers.TransformerEncoder(
        layer_norm_epsilon=config.layer_norm_epsilon,
        normalize_first=True,
        attention=attention,
        feed_forward=feed_forward,
        attention_norm=first or _norm(config, "attention_norm"),
        feed_forward_norm=_norm(config, "feed_forward_norm"),
        name=f"block_{number}",
    )


def _check_config(config):
    if not isinstance(config, ModernBertConfig):
        raise ValueError(
            "`config` must be a ModernBertConfig, such as ModernBertConfig.from_preset('modernbert_base'). Received: "
            f"{config!r}."
        )


def _norm(config, name):
    return layers.LayerNormalization(config.layer_norm_epsilon, config.norm_bias, name=name)


def _initializer(config):
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def _output_initializer(config):
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range / (2 * config.num_layers) ** 0.5)


def _activation(name):
    return ops.gelu_tanh if name == "gelu_tanh" else name
