"""Ready-made BERT models: functions that wire the layers into plain functional `keras.Model` objects."""

from keras_bert_layers.models.albert import albert_encoder
from keras_bert_layers.models.albert_config import AlbertConfig
from keras_bert_layers.models.classifier import text_classifier
from keras_bert_layers.models.config import BertConfig
from keras_bert_layers.models.describe import config_of
from keras_bert_layers.models.distilbert import distilbert_encoder
from keras_bert_layers.models.electra import electra_encoder, replaced_token_detector
from keras_bert_layers.models.embedder import text_embedder
from keras_bert_layers.models.encoder import bert_encoder
from keras_bert_layers.models.freeze import freeze, unfreeze
from keras_bert_layers.models.labels import labels_of, problem_type_of
from keras_bert_layers.models.masked_lm import masked_lm
from keras_bert_layers.models.modernbert import modernbert_encoder, modernbert_masked_lm
from keras_bert_layers.models.modernbert_config import MODERNBERT_PRESETS, ModernBertConfig
from keras_bert_layers.models.modernbert_describe import modernbert_config_of
from keras_bert_layers.models.modernbert_head import modernbert_head
from keras_bert_layers.models.pair_embedder import pair_embedder
from keras_bert_layers.models.presets import ALBERT_PRESETS, PRESETS
from keras_bert_layers.models.pretrainer import bert_pretrainer
from keras_bert_layers.models.span import span_predictor
from keras_bert_layers.models.tagger import token_classifier
from keras_bert_layers.models.weight_count import WeightCount, count_weights

__all__ = [
    "ALBERT_PRESETS",
    "MODERNBERT_PRESETS",
    "PRESETS",
    "AlbertConfig",
    "BertConfig",
    "ModernBertConfig",
    "WeightCount",
    "albert_encoder",
    "bert_encoder",
    "bert_pretrainer",
    "config_of",
    "count_weights",
    "distilbert_encoder",
    "electra_encoder",
    "freeze",
    "labels_of",
    "masked_lm",
    "modernbert_config_of",
    "modernbert_encoder",
    "modernbert_head",
    "modernbert_masked_lm",
    "pair_embedder",
    "problem_type_of",
    "replaced_token_detector",
    "span_predictor",
    "text_classifier",
    "text_embedder",
    "token_classifier",
    "unfreeze",
]
