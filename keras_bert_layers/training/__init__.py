"""What plain `compile` and `fit` need to train a BERT: optimizers, schedule, losses, metric, progress, and resuming."""

from keras_bert_layers.training.adamw import AdamW, adamw
from keras_bert_layers.training.contrastive_loss import ContrastiveLoss
from keras_bert_layers.training.cosent_loss import CosentLoss
from keras_bert_layers.training.cosine_score_loss import CosineScoreLoss
from keras_bert_layers.training.epoch_scores import EpochScores
from keras_bert_layers.training.flops import device_peak_flops, pretraining_flops
from keras_bert_layers.training.lamb import LAMB, lamb
from keras_bert_layers.training.layer_decay import layer_rates
from keras_bert_layers.training.masked_lm_accuracy import MaskedLMAccuracy
from keras_bert_layers.training.masked_lm_loss import MaskedLMLoss
from keras_bert_layers.training.next_sentence_loss import NextSentenceLoss
from keras_bert_layers.training.resume import Resume
from keras_bert_layers.training.schedule import WarmupLinearDecay
from keras_bert_layers.training.training_progress import TrainingProgress

__all__ = [
    "LAMB",
    "AdamW",
    "ContrastiveLoss",
    "CosentLoss",
    "CosineScoreLoss",
    "EpochScores",
    "MaskedLMAccuracy",
    "MaskedLMLoss",
    "NextSentenceLoss",
    "Resume",
    "TrainingProgress",
    "WarmupLinearDecay",
    "adamw",
    "device_peak_flops",
    "lamb",
    "layer_rates",
    "pretraining_flops",
]
