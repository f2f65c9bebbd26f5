"""What every head of ModernBERT begins with."""

import keras

from keras_bert_layers import layers, ops
from keras_bert_layers.models.modernbert_config import ModernBertConfig
from keras_bert_layers.models.parts import initializer_of, output_of


def modernbert_head(
    encoder: keras.Model, config: ModernBertConfig, pooling: str | None = None, name: str = "modernbert_head"
) -> keras.Model:
    """The encoder under LayerNorm(activation(W x + b)), for a text classifier, a token classifier or a span predictor.

    Args:
        encoder: from `modernbert_encoder`. Its layers are shared with the new model, not copied.
        config: that of the encoder; it says how the head is made.
        pooling: `"cls"` or `"mean"`: one vector for a text, of the first or of all real tokens, as a text classifier
            reads it. Defaults to `None`: one for each token, as the other two do.
        name: of the model. Defaults to `"modernbert_head"`.

    Returns:
        A functional model with the inputs of the encoder, to be passed to `text_classifier`, `token_classifier` or
        `span_predictor`. Output: with `pooling`, `sequence_output` as it was and `pooled_output` float [B, H]; without,
        a new `sequence_output` float [B, S, H]. The head is the layers `head_transform` (Linear) and `head_norm`
        (LayerNormalization), after `head_pooling` (Pooling).

    Raises:
        ValueError: if `encoder` has no `sequence_output`, or `pooling` is unknown.

    Example:
        >>> from keras_bert_layers.models import modernbert_encoder, text_classifier
        >>> config = ModernBertConfig(vocabulary_size=10, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
        >>> encoder = modernbert_encoder(config)
        >>> text_classifier(modernbert_head(encoder, config, pooling="mean"), num_classes=3).output.shape
        (None, 3)

    Reference:
        Warner et al. 2024, Smarter, Better, Faster, Longer (arXiv:2412.13663), and its released code.
    """
    x = sequence = output_of(encoder, "sequence_output")
    if pooling is not None:
        x = layers.Pooling(pooling, name="head_pooling")(x, padding_mask=encoder.input["padding_mask"])
    transform = layers.Linear(
        config.hidden_dim,
        activation=ops.gelu_tanh if config.head_activation == "gelu_tanh" else config.head_activation,
        use_bias=config.head_bias,
        kernel_initializer=initializer_of(encoder).clone(),
        name="head_transform",
    )
    x = layers.LayerNormalization(config.layer_norm_epsilon, config.norm_bias, name="head_norm")(transform(x))
    outputs = {"sequence_output": x} if pooling is None else {"sequence_output": sequence, "pooled_output": x}
    return keras.Model(encoder.input, outputs, name=name)
