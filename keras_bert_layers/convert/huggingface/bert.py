"""Hugging Face's BERT: its tensors beside the weights here."""

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.names import BUFFERS, OLD_SPELLINGS, linear, norm, repeated, same
from keras_bert_layers.convert.weight_map import Table

EMBEDDINGS = [
    *same("embeddings.token_embedding.embeddings", "bert.embeddings.word_embeddings.weight"),
    *same("embeddings.position_embedding.position_embeddings", "bert.embeddings.position_embeddings.weight"),
    *same("embeddings.segment_embedding.segment_embeddings", "bert.embeddings.token_type_embeddings.weight"),
    *norm("embeddings.norm", "bert.embeddings.LayerNorm"),
]

BLOCK = [
    *linear("attention.query", ".attention.self.query"),
    *linear("attention.key", ".attention.self.key"),
    *linear("attention.value", ".attention.self.value"),
    *linear("attention.output_projection", ".attention.output.dense"),
    *norm("attention_norm", ".attention.output.LayerNorm"),
    *linear("feed_forward.inner", ".intermediate.dense"),
    *linear("feed_forward.outer", ".output.dense"),
    *norm("feed_forward_norm", ".output.LayerNorm"),
]

MASKED_LM = [
    *linear("masked_lm.transform", "cls.predictions.transform.dense"),
    *norm("masked_lm.norm", "cls.predictions.transform.LayerNorm"),
    *same("masked_lm.output_bias", "cls.predictions.bias"),
]
OUTPUT_EMBEDDING = same("masked_lm.output_embedding.embeddings", "cls.predictions.decoder.weight")
COPIES = {
    "cls.predictions.decoder.bias": "cls.predictions.bias",
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
}

HEADS = {
    "pooler": linear("pooler.dense", "bert.pooler.dense"),
    "next_sentence": linear("next_sentence.logits", "cls.seq_relationship"),
    "classification": linear("classification.logits", "classifier"),
    "token_classification": linear("token_classification.logits", "classifier"),
    "span": linear("span.logits", "qa_outputs"),
}


def table(config: models.BertConfig, tied: bool = True) -> Table:
    """The table for this number of blocks; an untied masked-LM head has a matrix of its own."""
    embeddings = EMBEDDINGS if config.num_segments else [rule for rule in EMBEDDINGS if "segment" not in rule.ours[0]]
    copies = dict(COPIES)
    if not tied:
        del copies["cls.predictions.decoder.weight"]
    return Table(
        parts={
            "embeddings": embeddings,
            "encoder": repeated(BLOCK, "encoder.blocks.{}", "bert.encoder.layer.{}", config.num_layers),
            "masked_lm": MASKED_LM if tied else MASKED_LM + OUTPUT_EMBEDDING,
            **HEADS,
        },
        copies=copies,
        ignored=BUFFERS,
        renamed={**OLD_SPELLINGS, r"^(embeddings|encoder|pooler)\.": r"bert.\1."},
    )


BERT = Family(
    model_type="bert",
    prefix="bert.",
    classes={
        "encoder": "BertModel",
        "masked_lm": "BertForMaskedLM",
        "pretraining": "BertForPreTraining",
        "text_classification": "BertForSequenceClassification",
        "token_classification": "BertForTokenClassification",
        "question_answering": "BertForQuestionAnswering",
    },
    read_config=models.BertConfig.from_huggingface,
    write_config=models.BertConfig.to_huggingface,
    describe=models.config_of,
    encoder=models.bert_encoder,
    table=table,
)
