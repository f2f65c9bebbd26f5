"""Stretches of a tokenised corpus -> batches of features with masked tokens, as `fit` takes them."""

import functools
import os
from collections.abc import Callable

import tensorflow as tf

from keras_bert_layers.data.tokenized import TokenizedDocuments
from keras_bert_layers.text import BertTokenizer, pack_segments
from keras_bert_layers.text.sequence_packer import pack_sequences

# What a model that is pretrained takes; the ones in the middle only in packed rows.
_FEATURES = (
    "token_ids",
    "segment_ids",
    "padding_mask",
    "position_ids",
    "pack_ids",
    "sequence_starts",
    "mask_positions",
)


def packing(tokenizer: BertTokenizer, sequence_length: int, padding: str, max_sequences: int) -> Callable:
    """The function that frames and pads ids: (first, second=None) -> features.

    Args:
        tokenizer: whose special tokens it puts in.
        sequence_length, padding, max_sequences: as in `pretraining_dataset`. With `max_sequences` of 1 it takes
            RaggedTensors [B, None], else [B, K, None].
    """
    ids = {"cls_id": tokenizer.cls_id, "sep_id": tokenizer.sep_id, "pad_id": tokenizer.pad_id}
    if max_sequences > 1:
        if padding != "max":
            raise ValueError(f'Packed rows (max_sequences > 1) need padding="max". Received: {padding!r}.')
        return functools.partial(pack_sequences, **ids, sequence_length=sequence_length, max_sequences=max_sequences)
    return functools.partial(pack_segments, **ids, sequence_length=sequence_length, padding=padding)


def masked_features(features: dict, masker: Callable, epoch, example_index) -> tuple:
    """Packed features -> (x, the hidden ids, their weights)."""
    masked = masker(features, example_index, epoch=epoch)
    x = {name: masked[name] for name in _FEATURES if name in masked}
    return x, masked["mask_ids"], masked["mask_weights"]


class CorpusExamples:
    """Stretches of a corpus -> RaggedTensors of their ids.

    The stretches are int64 [B, 2], for ids [B, None]; or [B, K, 2] in packed rows, where -1 stands for none, for ids
    [B, K', None].
    """

    def __init__(self, corpus: TokenizedDocuments):
        with tf.device("CPU"):
            self.tokens = tf.constant(corpus.tokens)

    def __call__(self, spans: tf.Tensor) -> tf.RaggedTensor:
        if spans.shape.rank == 2:
            return self._ids(spans)
        is_there = spans[:, :, 0] >= 0
        counts = tf.reduce_sum(tf.cast(is_there, tf.int64), axis=1)
        return tf.RaggedTensor.from_row_lengths(self._ids(tf.boolean_mask(spans, is_there)), counts, validate=False)

    def _ids(self, spans):
        positions = tf.ragged.range(spans[:, 0], spans[:, 1])
        return positions.with_values(tf.gather(self.tokens, positions.values))


def in_parallel(batches: tf.data.Dataset, function: Callable) -> tf.data.Dataset:
    """`batches` mapped by `function` on all cores, in their order."""
    options = tf.data.Options()
    # With the tuner on, the end of a `fit` waits for the tuner's next round, whose interval doubles each time: 10.3 s
    # in place of 7.2 s in one measurement. One batch a core ahead of the model is enough.
    options.autotune.enabled = False
    parallel = os.cpu_count() or 1
    return (
        batches.map(function, num_parallel_calls=parallel, deterministic=True).prefetch(parallel).with_options(options)
    )
