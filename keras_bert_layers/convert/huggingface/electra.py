"""Hugging Face's ELECTRA, discriminator and generator: its tensors beside the weights here."""

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.bert import BLOCK, EMBEDDINGS
from keras_bert_layers.convert.huggingface.heads import check_config, require_segments
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
from keras_bert_layers.models.parts import masked_lm_head

MASKED_LM = [
    *linear("masked_lm.transform", "generator_predictions.dense"),
    *norm("masked_lm.norm", "generator_predictions.LayerNorm"),
]

HEADS = {
    "replaced_token_transform": linear("replaced_token_transform", "discriminator_predictions.dense"),
    "replaced_token": linear("replaced_token.logits", "discriminator_predictions.dense_prediction"),
    # A text classifier has a pooler of its own; the encoder has none.
    "pooler": linear("pooler.dense", "classifier.dense"),
    "classification": linear("classification.logits", "classifier.out_proj"),
    "token_classification": linear("token_classification.logits", "classifier"),
    "span": linear("span.logits", "qa_outputs"),
}


def table(config: models.BertConfig, tied: bool = True) -> Table:
    """The table for this number of blocks; an untied masked-LM head has a matrix of its own."""
    output, copies = output_layer("generator_lm_head", "electra.embeddings.word_embeddings.weight", tied)
    projection = linear("embeddings.projection", "electra.embeddings_project") if config.embedding_dim else []
    return Table(
        parts={
            "embeddings": [*placed(EMBEDDINGS, "embeddings", "electra.embeddings"), *projection],
            "encoder": repeated(BLOCK, "encoder.blocks.{}", "electra.encoder.layer.{}", config.num_layers),
            "masked_lm": MASKED_LM + output,
            **HEADS,
        },
        copies=copies,
        ignored=BUFFERS,
        renamed={**OLD_SPELLINGS, r"^(embeddings|embeddings_project|encoder)\.": r"electra.\1."},
    )


def _read_config(settings: dict) -> models.BertConfig:
    if settings["embedding_size"] == settings.get("hidden_size"):
        settings = {**settings, "embedding_size": None}
    return models.BertConfig.from_huggingface(settings)


def _write_config(config: models.BertConfig) -> dict:
    require_segments(config, "ELECTRA")
    if config.embedding_dim == config.hidden_dim:
        # Where the widths agree, there is no projection.
        check_config(config, "ELECTRA of embeddings as wide as its blocks", embedding_dim=None)
    return {**config.to_huggingface(), "embedding_size": config.embedding_dim or config.hidden_dim}


ELECTRA = Family(
    model_type="electra",
    prefix="electra.",
    classes={
        "encoder": "ElectraModel",
        "masked_lm": "ElectraForMaskedLM",
        "pretraining": "ElectraForPreTraining",
        "text_classification": "ElectraForSequenceClassification",
        "token_classification": "ElectraForTokenClassification",
        "question_answering": "ElectraForQuestionAnswering",
    },
    read_config=_read_config,
    write_config=_write_config,
    describe=models.config_of,
    encoder=models.electra_encoder,
    table=table,
    pooled=frozenset({"text_classification"}),
    builders={
        # Both heads have this activation whatever that of the blocks is.
        "masked_lm": lambda encoder, head, config: models.masked_lm(
            encoder, masked_lm_head(encoder, head.tied, intermediate_activation="gelu")
        ),
        "pretraining": lambda encoder, head, config: models.replaced_token_detector(encoder),
    },
    activations={
        "pooler.activation": "gelu",
        "masked_lm.intermediate_activation": "gelu",
        "replaced_token_transform.activation": None,
    },
    defaults={"embedding_size": 128, "num_attention_heads": 4, "intermediate_size": 1024},
)
