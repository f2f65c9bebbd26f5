"""What every builder needs of an encoder: its inputs, its outputs, and the settings its head shares with it."""

import keras


def outputs_of(encoder: keras.Model) -> dict:
    """The encoder's symbolic outputs by name.

    Raises:
        ValueError: if it is not a functional model with the outputs of `bert_encoder`.
    """
    outputs = encoder.output if isinstance(encoder, keras.Model) else None
    if not isinstance(outputs, dict) or not {"sequence_output", "pooled_output"} <= set(outputs):
        raise ValueError(
            "A head needs an encoder with the outputs `sequence_output` and `pooled_output`, as "
            f"keras_bert_layers.models.bert_encoder makes it. Received: {encoder!r}"
            + (f" with the outputs {sorted(outputs)}." if isinstance(outputs, dict) else ".")
        )
    return outputs


def masked_lm_settings(encoder: keras.Model) -> dict:
    """The arguments of a MaskedLMHead tied to this encoder and set like it."""
    embeddings = encoder.get_layer("embeddings")
    return {
        "token_embedding": embeddings.token_embedding,
        "intermediate_activation": encoder.get_layer("encoder").blocks[0].feed_forward.activation,
        "layer_norm_epsilon": embeddings.layer_norm_epsilon,
        "kernel_initializer": initializer_of(encoder),
    }


def initializer_of(encoder: keras.Model) -> keras.initializers.Initializer:
    """What the encoder's weights were drawn from; a head draws its own from the same."""
    return encoder.get_layer("embeddings").embeddings_initializer


def mask_positions_input() -> keras.KerasTensor:
    """The further input of a model that predicts masked tokens."""
    return keras.Input((None,), dtype="int32", name="mask_positions")
