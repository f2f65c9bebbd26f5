"""The layers: each an ordinary `keras.layers.Layer`, to be composed with the functional API."""

from keras_bert_layers.layers.bert_embeddings import BertEmbeddings
from keras_bert_layers.layers.classification_head import ClassificationHead
from keras_bert_layers.layers.encoder_stack import EncoderStack
from keras_bert_layers.layers.feed_forward import FeedForward
from keras_bert_layers.layers.gated_feed_forward import GatedFeedForward
from keras_bert_layers.layers.layer_normalization import LayerNormalization
from keras_bert_layers.layers.length_limit import LengthLimit
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.masked_lm_head import MaskedLMHead
from keras_bert_layers.layers.next_sentence_head import NextSentenceHead
from keras_bert_layers.layers.pooler import Pooler
from keras_bert_layers.layers.pooling import Pooling
from keras_bert_layers.layers.position_embedding import PositionEmbedding
from keras_bert_layers.layers.repad import Repad
from keras_bert_layers.layers.rotary_embedding import RotaryEmbedding
from keras_bert_layers.layers.segment_embedding import SegmentEmbedding
from keras_bert_layers.layers.self_attention import SelfAttention
from keras_bert_layers.layers.sliding_window import SlidingWindow
from keras_bert_layers.layers.span_head import SpanHead
from keras_bert_layers.layers.token_classification_head import TokenClassificationHead
from keras_bert_layers.layers.token_embedding import TokenEmbedding
from keras_bert_layers.layers.transformer_encoder import TransformerEncoder
from keras_bert_layers.layers.unpad import Unpad

__all__ = [
    "BertEmbeddings",
    "ClassificationHead",
    "EncoderStack",
    "FeedForward",
    "GatedFeedForward",
    "LayerNormalization",
    "LengthLimit",
    "Linear",
    "MaskedLMHead",
    "NextSentenceHead",
    "Pooler",
    "Pooling",
    "PositionEmbedding",
    "Repad",
    "RotaryEmbedding",
    "SegmentEmbedding",
    "SelfAttention",
    "SlidingWindow",
    "SpanHead",
    "TokenClassificationHead",
    "TokenEmbedding",
    "TransformerEncoder",
    "Unpad",
]
