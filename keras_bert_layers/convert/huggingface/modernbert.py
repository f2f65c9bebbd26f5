"""Hugging Face's ModernBERT: its tensors beside the weights here."""

from keras_bert_layers import models
from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.names import OLD_SPELLINGS, linear, norm, output_layer, placed, same
from keras_bert_layers.convert.layouts import JOINED, STACKED
from keras_bert_layers.convert.weight_map import Rule, Table


def table(config: models.ModernBertConfig, tied: bool = True) -> Table:
    """The table for these biases and this number of blocks; an untied masked-LM head has a matrix of its own."""
    output, copies = output_layer("decoder", "model.embeddings.tok_embeddings.weight", tied)
    if not config.output_bias:
        output = [rule for rule in output if not rule.theirs.endswith("bias")]
    return Table(
        parts={
            "embeddings": [
                *same("embeddings.token_embedding.embeddings", "model.embeddings.tok_embeddings.weight"),
                *norm("embeddings.norm", "model.embeddings.norm", config.norm_bias),
            ],
            "encoder": [
                rule
                for number in range(config.num_layers)
                for rule in placed(_block(config, number), f"encoder.blocks.{number}", f"model.layers.{number}")
            ],
            "final_norm": norm("final_norm", "model.final_norm", config.norm_bias),
            "masked_lm": [*_head(config, "masked_lm.transform", "masked_lm.norm"), *output],
            "head_transform": linear("head_transform", "head.dense", config.head_bias),
            "head_norm": norm("head_norm", "head.norm", config.norm_bias),
            "classification": linear("classification.logits", "classifier"),
            "token_classification": linear("token_classification.logits", "classifier"),
            "span": linear("span.logits", "classifier"),
        },
        copies=copies,
        renamed={**OLD_SPELLINGS, r"^(embeddings|layers|final_norm)\.": r"model.\1."},
    )


def _block(config, number):
    projections = ("attention.query", "attention.key", "attention.value")
    rules = [Rule(tuple(f"{name}.kernel" for name in projections), ".attn.Wqkv.weight", STACKED)]
    if config.attention_bias:
        rules.append(Rule(tuple(f"{name}.bias" for name in projections), ".attn.Wqkv.bias", JOINED))
    return [
        *rules,
        *linear("attention.output_projection", ".attn.Wo", config.attention_bias),
        # The first block normalizes nothing before its attention.
        *(norm("attention_norm", ".attn_norm", config.norm_bias) if number else []),
        *linear("feed_forward.inner", ".mlp.Wi", config.feed_forward_bias),
        *linear("feed_forward.outer", ".mlp.Wo", config.feed_forward_bias),
        *norm("feed_forward_norm", ".mlp_norm", config.norm_bias),
    ]


def _head(config, transform, last_norm):
    return [*linear(transform, "head.dense", config.head_bias), *norm(last_norm, "head.norm", config.norm_bias)]


MODERNBERT = Family(
    model_type="modernbert",
    prefix="model.",
    classes={
        "encoder": "ModernBertModel",
        "masked_lm": "ModernBertForMaskedLM",
        "text_classification": "ModernBertForSequenceClassification",
        "token_classification": "ModernBertForTokenClassification",
        "question_answering": "ModernBertForQuestionAnswering",
    },
    read_config=models.ModernBertConfig.from_huggingface,
    write_config=models.ModernBertConfig.to_huggingface,
    describe=models.config_of,
    encoder=models.modernbert_encoder,
    table=table,
    pooled=frozenset(),
    builders={
        "masked_lm": lambda encoder, head, config: models.modernbert_masked_lm(encoder, config),
        "text_classification": lambda encoder, head, config: models.text_classifier(
            models.modernbert_head(encoder, config, head.classifier_pooling),
            head.num_classes,
            head.dropout,
            labels=head.labels,
            problem_type=head.problem_type,
        ),
        "token_classification": lambda encoder, head, config: models.token_classifier(
            models.modernbert_head(encoder, config), head.num_classes, head.dropout, labels=head.labels
        ),
        "question_answering": lambda encoder, head, config: models.span_predictor(
            models.modernbert_head(encoder, config)
        ),
    },
    activations={},
)
