"""Hugging Face's DistilBERT: its tensors beside the weights here."""

import dataclasses

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.bert import EMBEDDINGS
from keras_bert_layers.convert.huggingface.heads import check_config
from keras_bert_layers.convert.huggingface.names import (
    BUFFERS,
    OLD_SPELLINGS,
    linear,
    norm,
    output_layer,
    placed,
    repeated,
)
from keras_bert_layers.convert.weight_map import Table

# Key in its config.json -> field here.
_KEYS = {
    "vocab_size": "vocabulary_size",
    "dim": "hidden_dim",
    "n_layers": "num_layers",
    "n_heads": "num_heads",
    "hidden_dim": "intermediate_dim",
    "max_position_embeddings": "max_sequence_length",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
    "activation": "activation",
    "initializer_range": "initializer_range",
}

BLOCK = [
    *linear("attention.query", ".attention.q_lin"),
    *linear("attention.key", ".attention.k_lin"),
    *linear("attention.value", ".attention.v_lin"),
    *linear("attention.output_projection", ".attention.out_lin"),
    *norm("attention_norm", ".sa_layer_norm"),
    *linear("feed_forward.inner", ".ffn.lin1"),
    *linear("feed_forward.outer", ".ffn.lin2"),
    *norm("feed_forward_norm", ".output_layer_norm"),
]

MASKED_LM = [
    *linear("masked_lm.transform", "vocab_transform"),
    *norm("masked_lm.norm", "vocab_layer_norm"),
]

HEADS = {
    # A text classifier has a pooler of its own; the encoder has none.
    "pooler": linear("pooler.dense", "pre_classifier"),
    "classification": linear("classification.logits", "classifier"),
    "token_classification": linear("token_classification.logits", "classifier"),
    "span": linear("span.logits", "qa_outputs"),
}


def table(config: models.BertConfig, tied: bool = True) -> Table:
    """The table for this number of blocks; an untied masked-LM head has a matrix of its own."""
    output, copies = output_layer("vocab_projector", "distilbert.embeddings.word_embeddings.weight", tied)
    embeddings = [rule for rule in EMBEDDINGS if not rule.ours[0].startswith("segment_embedding")]
    return Table(
        parts={
            "embeddings": placed(embeddings, "embeddings", "distilbert.embeddings"),
            "encoder": repeated(BLOCK, "encoder.blocks.{}", "distilbert.transformer.layer.{}", config.num_layers),
            "masked_lm": MASKED_LM + output,
            **HEADS,
        },
        copies=copies,
        ignored=BUFFERS,
        renamed={**OLD_SPELLINGS, r"^(embeddings|transformer)\.": r"distilbert.\1."},
    )


def _read_config(settings: dict) -> models.BertConfig:
    return dataclasses.replace(models.BertConfig.from_keys(settings, _KEYS), num_segments=0)


def _write_config(config: models.BertConfig) -> dict:
    check_config(config, "DistilBERT", num_segments=0, embedding_dim=None, layer_norm_epsilon=1e-12)
    return config.to_keys(_KEYS)


DISTILBERT = Family(
    model_type="distilbert",
    prefix="distilbert.",
    classes={
        "encoder": "DistilBertModel",
        "masked_lm": "DistilBertForMaskedLM",
        "text_classification": "DistilBertForSequenceClassification",
        "token_classification": "DistilBertForTokenClassification",
        "question_answering": "DistilBertForQuestionAnswering",
    },
    read_config=_read_config,
    write_config=_write_config,
    describe=models.config_of,
    encoder=models.distilbert_encoder,
    table=table,
    pooled=frozenset({"text_classification"}),
    activations={"pooler.activation": "relu", "masked_lm.intermediate_activation": None},
    # Before the classifier of a token stands the dropout of the blocks.
    dropout_keys={"text_classification": "seq_classif_dropout"},
    defaults={"seq_classif_dropout": 0.2},
)
