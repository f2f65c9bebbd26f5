"""Hugging Face's formats: one table for each family of models."""

from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface.bert import BERT

FAMILIES: dict[str, Family] = {family.model_type: family for family in (BERT,)}
