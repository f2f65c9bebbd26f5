"""What plain `compile` and `fit` need to train a BERT: optimizers, schedule, losses, metrics, and resuming a run."""

from keras_bert_layers.training.adamw import AdamW, adamw
from keras_bert_layers.training.lamb import LAMB, lamb
from keras_bert_layers.training.masked_lm_accuracy import MaskedLMAccuracy
from keras_bert_layers.training.masked_lm_loss import MaskedLMLoss
from keras_bert_layers.training.next_sentence_loss import NextSentenceLoss
from keras_bert_layers.training.resume import Resume
from keras_bert_layers.training.schedule import WarmupLinearDecay

__all__ = [
    "LAMB",
    "AdamW",
    "MaskedLMAccuracy",
    "MaskedLMLoss",
    "NextSentenceLoss",
    "Resume",
    "WarmupLinearDecay",
    "adamw",
    "lamb",
]
