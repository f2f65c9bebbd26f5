"""Ready-made BERT models: functions that wire the layers into plain functional `keras.Model` objects."""

from keras_bert_layers.models.classifier import text_classifier
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.describe import config_of
from keras_bert_layers.models.embedder import text_embedder
from keras_bert_layers.models.encoder import bert_encoder
from keras_bert_layers.models.masked_lm import masked_lm
from keras_bert_layers.models.presets import PRESETS
from keras_bert_layers.models.pretrainer import bert_pretrainer
from keras_bert_layers.models.span import span_predictor
from keras_bert_layers.models.tagger import token_classifier

__all__ = [
    "PRESETS",
    "BertConfig",
    "bert_encoder",
    "bert_pretrainer",
    "config_of",
    "masked_lm",
    "span_predictor",
    "text_classifier",
    "text_embedder",
    "token_classifier",
]
