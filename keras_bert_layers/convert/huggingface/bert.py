"""Hugging Face's BERT: its tensors beside the weights here."""

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.heads import check_config, require_segments
from keras_bert_layers.convert.huggingface.names import (
    BUFFERS,
    OLD_SPELLINGS,
    linear,
    norm,
    output_layer,
    placed,
    repeated,
    same,
)
from keras_bert_layers.convert.weight_map import Rule, Table

EMBEDDINGS = [
    *same("token_embedding.embeddings", ".word_embeddings.weight"),
    *same("position_embedding.position_embeddings", ".position_embeddings.weight"),
    *same("segment_embedding.segment_embeddings", ".token_type_embeddings.weight"),
    *norm("norm", ".LayerNorm"),
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
]

HEADS = {
    "pooler": linear("pooler.dense", "bert.pooler.dense"),
    "next_sentence": linear("next_sentence.logits", "cls.seq_relationship"),
    "classification": linear("classification.logits", "classifier"),
    "token_classification": linear("token_classification.logits", "classifier"),
    "span": linear("span.logits", "qa_outputs"),
}


def table(config: models.BertConfig, tied: bool = True) -> Table:
    """The table for this number of blocks; an untied masked-LM head has a matrix of its own."""
    output, copies_and_spares = decoder("cls.predictions", "bert.embeddings.word_embeddings.weight", tied)
    return Table(
        parts={
            "embeddings": placed(EMBEDDINGS, "embeddings", "bert.embeddings"),
            "encoder": repeated(BLOCK, "encoder.blocks.{}", "bert.encoder.layer.{}", config.num_layers),
            "masked_lm": MASKED_LM + output,
            **HEADS,
        },
        **copies_and_spares,
        ignored=BUFFERS,
        renamed={**OLD_SPELLINGS, r"^(embeddings|encoder|pooler)\.": r"bert.\1."},
    )


def decoder(theirs: str, table: str, tied: bool) -> tuple[list[Rule], dict[str, dict[str, str]]]:
    """The rules of a masked-LM head's last layer that keeps its bias twice, and what its table says of copies.

    Args:
        theirs: name of the head.
        table: name of the tensor of the token embedding.
        tied: whether the matrix is that tensor, and the two biases are one.
    """
    rules, copies = output_layer(f"{theirs}.decoder", table, tied)
    if tied:
        # Every version of transformers has written the bias under the shorter name, some under both.
        return same("masked_lm.output_bias", f"{theirs}.bias"), {
            "copies": {**copies, f"{theirs}.decoder.bias": f"{theirs}.bias"}
        }
    # From version 5 on, the biases are two when the matrices are, and only the decoder's is added.
    return rules, {"spares": {f"{theirs}.bias": f"{theirs}.decoder.bias"}}


def _write_config(config: models.BertConfig) -> dict:
    check_config(config, "BERT", embedding_dim=None)
    require_segments(config, "BERT")
    return config.to_huggingface()


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
    write_config=_write_config,
    describe=models.config_of,
    encoder=models.bert_encoder,
    table=table,
)
