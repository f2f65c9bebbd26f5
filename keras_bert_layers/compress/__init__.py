"""Cheaper models: LoRA."""

from keras_bert_layers.compress.lora import add_lora, merge_lora

__all__ = ["add_lora", "merge_lora"]
