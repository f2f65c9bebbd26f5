"""The mathematics: pure functions of tensors, with no layer and no variable in them."""

from keras_bert_layers.ops.activations import activate, gelu_tanh
from keras_bert_layers.ops.attention import attend, attention, attention_weights, merge_heads, split_heads
from keras_bert_layers.ops.attention_choice import explain_attention
from keras_bert_layers.ops.cosine import pair_cosines, unit_vectors
from keras_bert_layers.ops.gather import gather_positions
from keras_bert_layers.ops.layer_norm import layer_norm
from keras_bert_layers.ops.linear import linear
from keras_bert_layers.ops.masking import attention_mask, check_mask_rank, clear_padding, floor_padding, sliding_window
from keras_bert_layers.ops.pooling import pool
from keras_bert_layers.ops.quantized import quantized_linear, runs_in_integers
from keras_bert_layers.ops.recompute import recompute
from keras_bert_layers.ops.rotary import rotary_frequencies, rotate, yarn_frequencies
from keras_bert_layers.ops.row_lengths import row_lengths
from keras_bert_layers.ops.span_decoding import best_spans, span_probabilities
from keras_bert_layers.ops.span_merging import merge_spans
from keras_bert_layers.ops.tracing import shapes_may_vary
from keras_bert_layers.ops.unpadding import Unpadding, first_positions, repad, unpad, unpadding
from keras_bert_layers.ops.validation import check_range
from keras_bert_layers.ops.vocabulary import vocabulary_scores

__all__ = [
    "Unpadding",
    "activate",
    "attend",
    "attention",
    "attention_mask",
    "attention_weights",
    "best_spans",
    "check_mask_rank",
    "check_range",
    "clear_padding",
    "explain_attention",
    "first_positions",
    "floor_padding",
    "gather_positions",
    "gelu_tanh",
    "layer_norm",
    "linear",
    "merge_heads",
    "merge_spans",
    "pair_cosines",
    "pool",
    "quantized_linear",
    "recompute",
    "repad",
    "rotary_frequencies",
    "rotate",
    "row_lengths",
    "runs_in_integers",
    "shapes_may_vary",
    "sliding_window",
    "span_probabilities",
    "split_heads",
    "unit_vectors",
    "unpad",
    "unpadding",
    "vocabulary_scores",
    "yarn_frequencies",
]
