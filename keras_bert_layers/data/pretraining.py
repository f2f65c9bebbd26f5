"""Documents -> batches for masked-LM and next-sentence training."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.epochs import batches_of_epochs
from keras_bert_layers.data.full_sentences import full_sentences
from keras_bert_layers.data.sentence_pairs import sentence_pairs
from keras_bert_layers.data.tokenized import TokenizedDocuments, tokenize_documents
from keras_bert_layers.text import BertTokenizer, pack_segments


def pretraining_dataset(
    documents: TokenizedDocuments | Sequence[Sequence[str]],
    tokenizer: BertTokenizer,
    masker: Callable[..., dict[str, tf.Tensor]],
    sequence_length: int,
    batch_size: int,
    seed: int = 0,
    epochs: int | None = None,
    start_epoch: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
    padding: str = "max",
    next_sentence_rate: float = 0.5,
    short_sequence_probability: float = 0.1,
) -> tf.data.Dataset:
    """Batches of sentence pairs with masked tokens, as `model.fit` takes them for `kbl.models.bert_pretrainer`.

    Epochs run back to back, each with pairs, an order and masks of its own (`sentence_pairs`, dynamic masking), so
    nothing is ever seen twice in the same form. What a batch holds depends on `seed` and its epoch alone, however many
    threads make it: a run can be repeated, and goes on with `start_epoch` where another stopped.

    An endless data set (`epochs=None`) is for `fit(..., steps_per_epoch=...)`; a finite one, for instance `epochs=1`
    with held-out documents, knows its number of batches (`len(dataset)`), for which each epoch is drawn once more. The
    number of examples in an epoch is `len(sentence_pairs(...))`. Examples of two epochs never share a batch.

    Args:
        documents: lists of sentences (`read_documents`), or what `tokenize_documents` made of them.
        tokenizer: a `BertTokenizer`.
        masker: hides tokens, called as `masker(features, example_index, epoch=epoch)`: a `kbl.text.MaskedLMMasker`.
        sequence_length: int ≥ 5. The longest example, with its three special tokens.
        batch_size: int > 0.
        seed: int ≥ 0, of the pairs and the order; the masker has its own. Defaults to 0.
        epochs: int > 0 or None. How many passes over the documents; None (default) for endless ones.
        start_epoch: int ≥ 0. The first epoch. Defaults to 0.
        shuffle: bool. Whether each epoch has a random order. Defaults to True.
        drop_remainder: bool. Whether an epoch's last batch is left out when it is smaller. Defaults to True.
        padding: `"max"` (default) pads to `sequence_length`, for static shapes; `"longest"` to the batch's longest.
        next_sentence_rate, short_sequence_probability: as in `sentence_pairs`.

    Returns:
        A data set of `(x, y, sample_weight)`, with
            x: `token_ids`, `segment_ids`, `padding_mask`, int32 [B, S], and `mask_positions`, int32 [B, M];
            y: `masked_lm`, int32 [B, M], the hidden ids, and `next_sentence`, int32 [B], 0 where B follows A;
            sample_weight: `masked_lm`, float32 [B, M], 0 on padded predictions, and `next_sentence`, ones [B].

    Raises:
        ValueError: if an argument is out of range, or there are fewer than two documents.

    Example:
        >>> from keras_bert_layers.text import BertTokenizer, MaskedLMMasker
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains", "again"])
        >>> documents = [["it rains", "it rains again"], ["again it rains", "it rains"]]
        >>> masker = MaskedLMMasker(tokenizer, max_predictions=2)
        >>> dataset = pretraining_dataset(documents, tokenizer, masker, sequence_length=12, batch_size=2)
        >>> x, y, sample_weight = next(iter(dataset))
        >>> x["token_ids"].shape, y["masked_lm"].shape, y["next_sentence"].shape
        (TensorShape([2, 12]), TensorShape([2, 2]), TensorShape([2]))

    Reference:
        Devlin et al. 2019, sections 3.1 and A.2; Liu et al. 2019 (RoBERTa), section 4.1, for dynamic masking.
    """
    corpus = _tokenized(documents, tokenizer)

    def draw(epoch: int) -> np.ndarray:
        pairs = sentence_pairs(corpus, sequence_length, seed, epoch, next_sentence_rate, short_sequence_probability)
        return np.column_stack([pairs.first, pairs.second, pairs.labels])

    masked = _Masked(corpus, tokenizer, masker, sequence_length, padding)

    def to_fit(epoch, example_index, rows):
        x, hidden, weights = masked(epoch, example_index, rows[:, :2], rows[:, 2:4])
        labels = tf.cast(rows[:, 4], tf.int32)
        y = {"masked_lm": hidden, "next_sentence": labels}
        return x, y, {"masked_lm": weights, "next_sentence": tf.ones_like(labels, tf.float32)}

    batches = batches_of_epochs(draw, 5, batch_size, seed, epochs, start_epoch, shuffle, drop_remainder)
    return _parallel(batches, to_fit)


def masked_lm_dataset(
    documents: TokenizedDocuments | Sequence[Sequence[str]],
    tokenizer: BertTokenizer,
    masker: Callable[..., dict[str, tf.Tensor]],
    sequence_length: int,
    batch_size: int,
    seed: int = 0,
    epochs: int | None = None,
    start_epoch: int = 0,
    shuffle: bool = True,
    drop_remainder: bool = True,
    padding: str = "max",
    short_sequence_probability: float = 0.1,
) -> tf.data.Dataset:
    """Batches of single segments with masked tokens, without next-sentence labels, for `kbl.models.masked_lm`.

    An example is as many whole sentences of one document as fit (`full_sentences`). All else is as in
    `pretraining_dataset`, except that one document is enough.

    Args:
        documents, tokenizer, masker: as in `pretraining_dataset`.
        sequence_length: int ≥ 4. The longest example, with its two special tokens.
        batch_size, seed, epochs, start_epoch, shuffle, drop_remainder, padding: as in `pretraining_dataset`.
        short_sequence_probability: as in `full_sentences`.

    Returns:
        A data set of `(x, y, sample_weight)`, with
            x: `token_ids`, `segment_ids`, `padding_mask`, int32 [B, S], and `mask_positions`, int32 [B, M];
            y: int32 [B, M], the hidden ids;
            sample_weight: float32 [B, M], 0 on padded predictions.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> from keras_bert_layers.text import BertTokenizer, MaskedLMMasker
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains", "again"])
        >>> masker = MaskedLMMasker(tokenizer, max_predictions=2)
        >>> dataset = masked_lm_dataset([["it rains again"]], tokenizer, masker, sequence_length=8, batch_size=1)
        >>> x, y, sample_weight = next(iter(dataset))
        >>> x["token_ids"].shape, y.shape, sample_weight.shape
        (TensorShape([1, 8]), TensorShape([1, 2]), TensorShape([1, 2]))
    """
    corpus = _tokenized(documents, tokenizer)

    def draw(epoch: int) -> np.ndarray:
        return full_sentences(corpus, sequence_length, seed, epoch, short_sequence_probability)

    masked = _Masked(corpus, tokenizer, masker, sequence_length, padding)
    batches = batches_of_epochs(draw, 2, batch_size, seed, epochs, start_epoch, shuffle, drop_remainder)
    return _parallel(batches, masked)


class _Masked:
    """(epoch, example_index, stretches of the corpus) -> (x, the hidden ids, their weights)."""

    def __init__(self, corpus, tokenizer, masker, sequence_length, padding):
        with tf.device("CPU"):
            self.tokens = tf.constant(corpus.tokens)
        self.masker = masker
        self.packing = {
            "cls_id": tokenizer.cls_id,
            "sep_id": tokenizer.sep_id,
            "pad_id": tokenizer.pad_id,
            "sequence_length": sequence_length,
            "padding": padding,
        }

    def __call__(self, epoch, example_index, first, second=None):
        segments = [self._segment(spans) for spans in (first, second) if spans is not None]
        features = self.masker(pack_segments(*segments, **self.packing), example_index, epoch=epoch)
        x = {name: features[name] for name in ("token_ids", "segment_ids", "padding_mask", "mask_positions")}
        return x, features["mask_ids"], features["mask_weights"]

    def _segment(self, spans):
        positions = tf.ragged.range(spans[:, 0], spans[:, 1])
        return positions.with_values(tf.gather(self.tokens, positions.values))


def _tokenized(documents, tokenizer) -> TokenizedDocuments:
    return documents if isinstance(documents, TokenizedDocuments) else tokenize_documents(documents, tokenizer)


def _parallel(batches: tf.data.Dataset, function: Callable) -> tf.data.Dataset:
    options = tf.data.Options()
    # With the tuner on, the end of a `fit` waits for the tuner's next round, whose interval doubles each time: 10.3 s
    # in place of 7.2 s in one measurement. One batch a core ahead of the model is enough.
    options.autotune.enabled = False
    parallel = os.cpu_count() or 1
    return (
        batches.map(function, num_parallel_calls=parallel, deterministic=True).prefetch(parallel).with_options(options)
    )
