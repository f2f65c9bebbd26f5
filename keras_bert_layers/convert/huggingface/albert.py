"""Hugging Face's ALBERT: its tensors beside the weights here."""

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.bert import EMBEDDINGS, decoder
from keras_bert_layers.convert.huggingface.heads import require_segments
from keras_bert_layers.convert.huggingface.names import BUFFERS, OLD_SPELLINGS, linear, norm, placed
from keras_bert_layers.convert.weight_map import Table

BLOCK = [
    *linear("attention.query", ".attention.query"),
    *linear("attention.key", ".attention.key"),
    *linear("attention.value", ".attention.value"),
    *linear("attention.output_projection", ".attention.dense"),
    *norm("attention_norm", ".attention.LayerNorm"),
    *linear("feed_forward.inner", ".ffn"),
    *linear("feed_forward.outer", ".ffn_output"),
    *norm("feed_forward_norm", ".full_layer_layer_norm"),
]

MASKED_LM = [
    *linear("masked_lm.transform", "predictions.dense"),
    *norm("masked_lm.norm", "predictions.LayerNorm"),
]

HEADS = {
    "pooler": linear("pooler.dense", "albert.pooler"),
    "next_sentence": linear("next_sentence.logits", "sop_classifier.classifier"),
    "classification": linear("classification.logits", "classifier"),
    "token_classification": linear("token_classification.logits", "classifier"),
    "span": linear("span.logits", "qa_outputs"),
}


def table(config: models.AlbertConfig, tied: bool = True) -> Table:
    """The table for these groups of blocks; an untied masked-LM head has a matrix of its own."""
    output, copies_and_spares = decoder("predictions", "albert.embeddings.word_embeddings.weight", tied)
    return Table(
        parts={
            "embeddings": [
                *placed(EMBEDDINGS, "embeddings", "albert.embeddings"),
                *linear("embeddings.projection", "albert.encoder.embedding_hidden_mapping_in"),
            ],
            "encoder": _blocks(config),
            "masked_lm": MASKED_LM + output,
            **HEADS,
        },
        **copies_and_spares,
        ignored=BUFFERS,
        renamed={**OLD_SPELLINGS, r"^(embeddings|encoder|pooler)\.": r"albert.\1."},
    )


def _blocks(config):
    return [
        rule
        for group in range(config.num_groups)
        for block in range(config.blocks_per_group)
        for rule in placed(
            BLOCK,
            f"encoder.blocks.{group * config.blocks_per_group + block}",
            f"albert.encoder.albert_layer_groups.{group}.albert_layers.{block}",
        )
    ]


def _write_config(config: models.AlbertConfig) -> dict:
    require_segments(config, "ALBERT")
    return config.to_huggingface()


ALBERT = Family(
    model_type="albert",
    prefix="albert.",
    classes={
        "encoder": "AlbertModel",
        "masked_lm": "AlbertForMaskedLM",
        "pretraining": "AlbertForPreTraining",
        "text_classification": "AlbertForSequenceClassification",
        "token_classification": "AlbertForTokenClassification",
        "question_answering": "AlbertForQuestionAnswering",
    },
    read_config=models.AlbertConfig.from_huggingface,
    write_config=_write_config,
    describe=models.config_of,
    encoder=models.albert_encoder,
    table=table,
    dropout_keys=dict.fromkeys(("text_classification", "token_classification"), "classifier_dropout_prob"),
    defaults={"classifier_dropout_prob": 0.1},
)
