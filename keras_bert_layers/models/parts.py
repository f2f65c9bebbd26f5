"""What every builder needs of an encoder: its inputs, its outputs, and the settings its head shares with it."""

import keras

from keras_bert_layers import layers


def encoder_inputs(packed: bool = False) -> dict[str, keras.KerasTensor]:
    """The inputs of an encoder by name, the same for every family: Keras mistakes features that are not expected."""
    names = ("token_ids", "segment_ids", "padding_mask")
    if packed:
        names += ("position_ids", "pack_ids", "sequence_starts")
    return {name: keras.Input((None,), dtype="int32", name=name) for name in names}


def output_of(encoder: keras.Model, name: str) -> keras.KerasTensor:
    """The symbolic output of that name, `"sequence_output"` or `"pooled_output"`.

    Raises:
        ValueError: if it is not a functional model with that output.
    """
    outputs = encoder.output if isinstance(encoder, keras.Model) else None
    if isinstance(outputs, dict) and name in outputs:
        return outputs[name]
    if isinstance(outputs, dict) and "sequence_output" in outputs:
        raise ValueError(
            f"This head reads `{name}`, and the encoder {encoder.name!r} has no pooler. Build it with one: "
            "bert_encoder(config, pooler=True)."
        )
    raise ValueError(
        f"A head needs an encoder with the output `{name}`, as keras_bert_layers.models.bert_encoder makes it. "
        f"Received: {encoder!r}" + (f" with the outputs {sorted(outputs)}." if isinstance(outputs, dict) else ".")
    )


def pooled_output_of(encoder: keras.Model) -> keras.KerasTensor:
    """The symbolic `pooled_output`, of blocks the last of which computes the first position only, if that is all the
    pooler reads.

    Raises:
        ValueError: as in `output_of`.
    """
    pooled = output_of(encoder, "pooled_output")
    pooler, call = _maker_of(pooled)
    reads_first = isinstance(pooler, layers.Pooler) and len(call.input_tensors) == 1
    return pooler(first_position_of(call.input_tensors[0])) if reads_first else pooled


def first_position_of(sequence: keras.KerasTensor) -> keras.KerasTensor:
    """[B, 1, H] of a `sequence_output` [B, S, H] that a stack of blocks puts out, without computing the rest in the
    last one; any other tensor as it is."""
    stack, call = _maker_of(sequence)
    if not isinstance(stack, layers.EncoderStack):
        return sequence
    return stack(*call.arguments.args, **{**call.arguments.kwargs, "keep_first": 1})


def _maker_of(tensor):
    """The operation that a symbolic tensor is an output of, and its call."""
    operation, number, _ = tensor._keras_history
    return operation, operation._inbound_nodes[number]


def masked_lm_head(encoder: keras.Model, tied: bool = True, **changes) -> layers.MaskedLMHead:
    """A MaskedLMHead set like this encoder, with the matrix of its token embedding or one of its own of that shape.

    `changes` are arguments of MaskedLMHead in which it is to differ from the encoder.
    """
    embeddings, initializer = encoder.get_layer("embeddings"), initializer_of(encoder)
    matrix = embeddings.token_embedding
    if not tied:
        matrix = layers.TokenEmbedding(
            matrix.input_dim, matrix.output_dim, embeddings_initializer=initializer, name="output_embedding"
        )
    settings = {
        "token_embedding": matrix,
        "intermediate_activation": encoder.get_layer("encoder").blocks[0].feed_forward.activation,
        "layer_norm_epsilon": embeddings.layer_norm_epsilon,
        "kernel_initializer": initializer,
    }
    return layers.MaskedLMHead(**{**settings, **changes}, name="masked_lm")


def initializer_of(encoder: keras.Model) -> keras.initializers.Initializer:
    """What the encoder's weights were drawn from; a head draws its own from the same."""
    return encoder.get_layer("embeddings").embeddings_initializer


def mask_positions_input() -> keras.KerasTensor:
    """The further input of a model that predicts masked tokens."""
    return keras.Input((None,), dtype="int32", name="mask_positions")
