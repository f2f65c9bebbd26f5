"""Hugging Face's formats: one table for each family of models."""

from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.albert import ALBERT
from keras_bert_layers.convert.huggingface.bert import BERT
from keras_bert_layers.convert.huggingface.distilbert import DISTILBERT
from keras_bert_layers.convert.huggingface.electra import ELECTRA
from keras_bert_layers.convert.huggingface.modernbert import MODERNBERT

FAMILIES: dict[str, Family] = {family.model_type: family for family in (BERT, ALBERT, DISTILBERT, ELECTRA, MODERNBERT)}
