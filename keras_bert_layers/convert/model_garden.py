"""BERT checkpoints of the TensorFlow 2 Model Garden: bert_config.json, object-based *.ckpt, vocab.txt."""

import dataclasses
from pathlib import Path

from keras_bert_layers import models
from keras_bert_layers.convert.bare_vocabulary import read_bare_vocabulary
from keras_bert_layers.convert.checkpoint import Checkpoint
from keras_bert_layers.convert.formats import checkpoint_prefix
from keras_bert_layers.convert.google import dense, norm, read_config
from keras_bert_layers.convert.huggingface.bert import BERT
from keras_bert_layers.convert.huggingface.names import repeated, same
from keras_bert_layers.convert.layouts import heads_in, heads_out
from keras_bert_layers.convert.model_garden_names import ENCODER_POOLER, Places
from keras_bert_layers.convert.tensor_files import TensorFlowCheckpoint
from keras_bert_layers.convert.weight_map import Rule, Table

EMBEDDINGS = [
    *same("embeddings.token_embedding.embeddings", "encoder/_embedding_layer/embeddings"),
    *same("embeddings.position_embedding.position_embeddings", "encoder/_position_embedding_layer/embeddings"),
    *same("embeddings.segment_embedding.segment_embeddings", "encoder/_type_embedding_layer/embeddings"),
    *norm("embeddings.norm", "encoder/_embedding_norm_layer"),
]


def block(num_heads: int) -> list[Rule]:
    """One encoder block, whose attention has an axis for the heads."""
    into_heads = [
        Rule((f"attention.{name}.{weight}",), f"/_attention_layer/_{name}_dense/{weight}", heads_out(num_heads))
        for name in ("query", "key", "value")
        for weight in ("kernel", "bias")
    ]
    return [
        *into_heads,
        Rule(("attention.output_projection.kernel",), "/_attention_layer/_output_dense/kernel", heads_in(num_heads)),
        Rule(("attention.output_projection.bias",), "/_attention_layer/_output_dense/bias"),
        *norm("attention_norm", "/_attention_layer_norm"),
        *dense("feed_forward.inner", "/_intermediate_dense"),
        *dense("feed_forward.outer", "/_output_dense"),
        *norm("feed_forward_norm", "/_output_layer_norm"),
    ]


def heads(places: Places) -> dict[str, list[Rule]]:
    """The parts above the encoder, where this checkpoint has them."""
    found = {"pooler": dense("pooler.dense", places.pooler)}
    first_token = "classification"
    if places.masked_lm is not None:
        first_token = "next_sentence"
        found["masked_lm"] = [
            *dense("masked_lm.transform", f"{places.masked_lm}/dense"),
            *norm("masked_lm.norm", f"{places.masked_lm}/layer_norm"),
            *same("masked_lm.output_bias", f"{places.masked_lm}/bias"),
        ]
    if places.classifier is not None:
        found[first_token] = dense(f"{first_token}.logits", places.classifier)
    elif places.output is not None and places.output.endswith("layer_with_weights-0"):
        # A network of its own on the first token, or one that labels spans: the names do not tell which.
        found[first_token] = dense(f"{first_token}.logits", places.output)
        found["span"] = dense("span.logits", places.output)
    elif places.output is not None:
        found["token_classification"] = dense("token_classification.logits", places.output)
    return found


IGNORED = {
    r"_CHECKPOINTABLE_OBJECT_GRAPH": "the names of the objects",
    r".*/\.OPTIMIZER_SLOT/.*": "a moment of the optimizer",
    r"(.*/)?optimizer/.*": "state of the optimizer",
    r"(.*/)?(save_counter|global_step)": "a counter of the training loop",
    r"(.*/)?keras_api/metrics/.*": "state of a metric",
}


def table(config: models.BertConfig, places: Places) -> Table:
    """The table for this number of blocks and heads, and the places of this checkpoint."""
    blocks = repeated(block(config.num_heads), "encoder.blocks.{}", "encoder/_transformer_layers/{}", config.num_layers)
    ignored = dict(IGNORED)
    if places.pooler != ENCODER_POOLER:
        ignored[f"{ENCODER_POOLER}/.*"] = "the encoder's pooler, not trained: the head has its own"
    return Table(
        parts={"embeddings": EMBEDDINGS, "encoder": blocks, **heads(places)},
        ignored=ignored,
        renamed=places.renamed(config.num_layers),
    )


def read_model_garden(path: Path) -> Checkpoint:
    """What a directory, or the checkpoint of this prefix (`.../bert_model.ckpt`), holds.

    Read are BertEncoder and BertEncoderV2 alone and in BertPretrainer, BertPretrainerV2, BertClassifier,
    BertSpanLabeler and BertTokenClassifier of tf-models-official 2.20, and the published encoders of 2020, whose names
    are known from listings. The activation `"gelu"` is the tanh form, as in the Model Garden's code. Whether text is
    lowercased is told by the directory's name or the vocabulary, see `lowercased_by_convention`.

    Raises:
        ValueError: if a file is missing or damaged, there is no BERT encoder, or the configuration asks for what is
            not computed here.
    """
    prefix = checkpoint_prefix(path)
    config = models.BertConfig.from_google({"hidden_act": "gelu"} | read_config(prefix.parent))
    if config.activation == "gelu":
        config = dataclasses.replace(config, activation="gelu_tanh")
    tensors = TensorFlowCheckpoint(prefix)
    places = Places.among(tensors.shapes(), tensors.place)
    return Checkpoint(
        family=BERT,
        config=config,
        tensors=tensors,
        table=table(config, places),
        tokenizer=lambda: read_bare_vocabulary(prefix.parent, config.vocabulary_size),
        task=_task(places),
        sequence_length=config.max_sequence_length,
    )


def _task(places):
    if places.masked_lm is not None:
        return "masked_lm" if places.classifier is places.output is None else "pretraining"
    if places.classifier is not None:
        return "text_classification"
    if places.output is not None and not places.output.endswith("layer_with_weights-0"):
        return "token_classification"
    return None
