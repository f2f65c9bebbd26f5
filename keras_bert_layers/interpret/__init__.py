"""Seeing inside a model: attention, attributions, the worth of heads, probes, surprise and neighbours."""

from keras_bert_layers.interpret.attention_model import attention_model

__all__ = ["attention_model"]
