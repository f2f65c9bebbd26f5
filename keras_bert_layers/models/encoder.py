"""The BERT encoder as a functional model."""

import keras

from keras_bert_layers import layers, ops
from keras_bert_layers.models.config import BertConfig


def bert_encoder(config: BertConfig, name: str = "bert_encoder") -> keras.Model:
    """BERT without a head: embeddings, the encoder blocks, and the pooler.

    Args:
        config: the sizes and settings.
        name: of the model. Defaults to `"bert_encoder"`.

    Returns:
        A functional model. Inputs, int32 [B, S] each, by name: `token_ids`, `segment_ids`, `padding_mask` (1 = a real
        token). Outputs, by name: `sequence_output` float [B, S, H], `pooled_output` float [B, H]. Its layers are
        `embeddings` (BertEmbeddings), `encoder` (EncoderStack) and `pooler` (Pooler).

    Raises:
        ValueError: if `config` is not a BertConfig.

    Example:
        >>> config = BertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=16)
        >>> encoder = bert_encoder(config)
        >>> {name: output.shape for name, output in encoder.output.items()}
        {'sequence_output': (None, None, 8), 'pooled_output': (None, 8)}

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.
    """
    if not isinstance(config, BertConfig):
        raise ValueError(
            f"`config` must be a BertConfig, such as BertConfig.from_preset('bert_tiny_uncased'). Received: {config!r}."
        )
    initializer = keras.initializers.TruncatedNormal(stddev=config.initializer_range)
    activation = ops.gelu_tanh if config.activation == "gelu_tanh" else config.activation
    inputs = {
        input_name: keras.Input((None,), dtype="int32", name=input_name)
        for input_name in ("token_ids", "segment_ids", "padding_mask")
    }
    embeddings = layers.BertEmbeddings(
        config.vocabulary_size,
        config.hidden_dim,
        config.max_sequence_length,
        config.num_segments,
        embedding_dim=config.embedding_dim,
        dropout=config.dropout,
        layer_norm_epsilon=config.layer_norm_epsilon,
        embeddings_initializer=initializer,
        name="embeddings",
    )
    blocks = [_block(config, activation, initializer, f"block_{number}") for number in range(config.num_layers)]
    x = embeddings(inputs["token_ids"], segment_ids=inputs["segment_ids"])
    x = layers.EncoderStack(blocks, name="encoder")(x, padding_mask=inputs["padding_mask"])
    pooled = layers.Pooler(initializer, name="pooler")(x)
    return keras.Model(inputs, {"sequence_output": x, "pooled_output": pooled}, name=name)


def _block(config, activation, initializer, name):
    attention = None
    if config.attention_dropout != config.dropout:
        attention = layers.SelfAttention(
            config.num_heads, config.dropout, config.attention_dropout, initializer, name="attention"
        )
    return layers.TransformerEncoder(
        config.intermediate_dim,
        config.num_heads,
        config.dropout,
        activation,
        config.layer_norm_epsilon,
        initializer,
        attention=attention,
        name=name,
    )
