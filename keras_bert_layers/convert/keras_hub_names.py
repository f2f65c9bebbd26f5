"""keras-hub's BERT: the attributes of its models beside the weights here."""

import dataclasses

import keras

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.bert import BERT
from keras_bert_layers.convert.huggingface.names import repeated, same
from keras_bert_layers.convert.layouts import heads_in, heads_out
from keras_bert_layers.convert.weight_map import Rule, Table
from keras_bert_layers.models.parts import masked_lm_head

HEAD_ACTIVATION = "intermediate_activation of the masked-LM head"
HEAD_EPSILON = "layer_norm_epsilon of the masked-LM head"
# What keras-hub's BERT computes, whatever its configuration. Its masked-LM head is set otherwise than its encoder.
COMPUTED = {
    "activation": "gelu_tanh",
    "layer_norm_epsilon": 1e-12,
    "layer_norm_epsilon of the embeddings": 1e-12,
    "activation of the pooler": "tanh",
    HEAD_ACTIVATION: "gelu",
    HEAD_EPSILON: 1e-5,
    "activation of the masked-LM head": "linear",
}


def dense(ours: str, theirs: str) -> list[Rule]:
    """A `Linear` here, a `keras.layers.Dense` there."""
    return [*same(f"{ours}.kernel", f"{theirs}.kernel"), *same(f"{ours}.bias", f"{theirs}.bias")]


def norm(ours: str, theirs: str) -> list[Rule]:
    """A layer normalization."""
    return [*same(f"{ours}.gamma", f"{theirs}.gamma"), *same(f"{ours}.beta", f"{theirs}.beta")]


EMBEDDINGS = [
    *same("embeddings.token_embedding.embeddings", "backbone.token_embedding.embeddings"),
    *same("embeddings.position_embedding.position_embeddings", "backbone.position_embedding.position_embeddings"),
    *same("embeddings.segment_embedding.segment_embeddings", "backbone.segment_embedding.embeddings"),
    *norm("embeddings.norm", "backbone.embeddings_layer_norm"),
]


def block(num_heads: int) -> list[Rule]:
    """One encoder block, whose attention has an axis for the heads."""
    attention = "._self_attention_layer"
    into_heads = [
        Rule((f"attention.{name}.{weight}",), f"{attention}.{name}_dense.{weight}", heads_out(num_heads))
        for name in ("query", "key", "value")
        for weight in ("kernel", "bias")
    ]
    return [
        *into_heads,
        Rule(("attention.output_projection.kernel",), f"{attention}.output_dense.kernel", heads_in(num_heads)),
        Rule(("attention.output_projection.bias",), f"{attention}.output_dense.bias"),
        *norm("attention_norm", "._self_attention_layer_norm"),
        *dense("feed_forward.inner", "._feedforward_intermediate_dense"),
        *dense("feed_forward.outer", "._feedforward_output_dense"),
        *norm("feed_forward_norm", "._feedforward_layer_norm"),
    ]


HEADS = {
    "pooler": dense("pooler.dense", "backbone.pooled_dense"),
    "masked_lm": [
        *dense("masked_lm.transform", "masked_lm_head._intermediate_dense"),
        *norm("masked_lm.norm", "masked_lm_head._intermediate_layer_norm"),
        *same("masked_lm.output_bias", "masked_lm_head._bias"),
    ],
    "classification": dense("classification.logits", "output_dense"),
}


def table(config: models.BertConfig) -> Table:
    """The table for this number of blocks and heads."""
    blocks = repeated(block(config.num_heads), "encoder.blocks.{}", "backbone.transformer_layers.{}", config.num_layers)
    return Table(parts={"embeddings": EMBEDDINGS, "encoder": blocks, **HEADS})


def variable_at(model: keras.Model, path: str) -> keras.Variable | None:
    """The weight at one of these paths, or None if the model has no such part; a backbone is its own backbone."""
    value = model
    for name in path.removeprefix("" if hasattr(model, "backbone") else "backbone.").split("."):
        value = value[int(name)] if name.isdigit() else getattr(value, name, None)
        if value is None:
            return None
    return value


def family(activation: str, layer_norm_epsilon: float) -> Family:
    """BERT, with a masked-LM head of this intermediate activation and epsilon."""

    def masked_lm(encoder, settings, config):
        head = masked_lm_head(encoder, intermediate_activation=activation, layer_norm_epsilon=layer_norm_epsilon)
        return models.masked_lm(encoder, head)

    return dataclasses.replace(BERT, builders={"masked_lm": masked_lm})
