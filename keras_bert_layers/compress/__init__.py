"""Models that are cheaper to train, or smaller and faster: LoRA, distillation, and the guard of their quality."""

from keras_bert_layers.compress.distill import distill, even_layers
from keras_bert_layers.compress.distiller import EncoderDistiller
from keras_bert_layers.compress.hidden_states_loss import HiddenStatesLoss
from keras_bert_layers.compress.logits_loss import LogitsLoss
from keras_bert_layers.compress.lora import add_lora, has_lora, merge_lora
from keras_bert_layers.compress.prune_heads import prune_heads
from keras_bert_layers.compress.quality import check_quality
from keras_bert_layers.compress.quantize import quantize
from keras_bert_layers.compress.student import student_of

__all__ = [
    "EncoderDistiller",
    "HiddenStatesLoss",
    "LogitsLoss",
    "add_lora",
    "check_quality",
    "distill",
    "even_layers",
    "has_lora",
    "merge_lora",
    "prune_heads",
    "quantize",
    "student_of",
]
