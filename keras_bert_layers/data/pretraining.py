"""Documents -> batches for masked-LM and next-sentence training."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.epochs import batches_of_epochs
from keras_bert_layers.data.full_sentences import full_sentences
from keras_bert_layers.data.masked_batches import CorpusExamples, in_parallel, masked_features, packing
from keras_bert_layers.data.packing import pack_rows
from keras_bert_layers.data.sentence_pairs import sentence_pairs
from keras_bert_layers.data.tokenized import TokenizedDocuments, tokenize_documents
from keras_bert_layers.ops.row_share import Share
from keras_bert_layers.text import BertTokenizer


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
    objective: str = "next_sentence",
    start_step: int = 0,
    max_sequences: int = 1,
    share: Share = (0, 1),
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
        next_sentence_rate, short_sequence_probability, objective: as in `sentence_pairs`.
        start_step: int ≥ 0. The number of batches, counted from the first of `start_epoch`, that a run has used
            already; it goes on with the next one. Defaults to 0.
        max_sequences: int > 0. With more than 1, K, the rows are packed: up to K examples stand in one row of
            `sequence_length` positions, and none sees another in a model of `bert_encoder(config, packed=True)`. A
            batch has `batch_size` rows. Defaults to 1: an example a row.
        share: (number, count). Which of `count` even shares of each batch to lay out and mask, for several workers
            (`kbl.distribute.batches`). All shares of a step together are the batch. Defaults to (0, 1): whole batches.

    Returns:
        A data set of `(x, y, sample_weight)`, with
            x: `token_ids`, `segment_ids`, `padding_mask`, int32 [B, S], and `mask_positions`, int32 [B, M]; in packed
                rows also `position_ids`, `pack_ids`, int32 [B, S], and `sequence_starts`, int32 [B, K];
            y: `masked_lm`, int32 [B, M], the hidden ids, and `next_sentence`, int32 [B], 0 where B follows A; [B, K] in
                packed rows;
            sample_weight: `masked_lm`, float32 [B, M], 0 on padded predictions, and `next_sentence`, ones [B]; in
                packed rows [B, K], 0 where there is no example.

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
        Devlin et al. 2019, sections 3.1 and A.2; Liu et al. 2019 (RoBERTa), section 4.1, for dynamic masking; Krell et
        al. 2021 (arXiv:2107.02027) for packed rows.
    """
    corpus = _tokenized(documents, tokenizer)

    def draw(epoch: int) -> np.ndarray:
        pairs = sentence_pairs(
            corpus, sequence_length, seed, epoch, next_sentence_rate, short_sequence_probability, objective
        )
        examples = np.column_stack([pairs.first, pairs.second, pairs.labels])
        return _rows(examples, 2, sequence_length, max_sequences)

    ids, pack = CorpusExamples(corpus), packing(tokenizer, sequence_length, padding, max_sequences)

    def to_fit(epoch, example_index, rows):
        examples = tf.reshape(rows, [-1, max_sequences, 5]) if max_sequences > 1 else rows
        features = pack(ids(examples[..., :2]), ids(examples[..., 2:4]))
        x, hidden, weights = masked_features(features, masker, epoch, example_index)
        labels = tf.cast(examples[..., 4], tf.int32)
        y = {"masked_lm": hidden, "next_sentence": tf.maximum(labels, 0)}
        return x, y, {"masked_lm": weights, "next_sentence": tf.cast(labels >= 0, tf.float32)}

    width = 5 * max_sequences
    batches = batches_of_epochs(
        draw, width, batch_size, seed, epochs, start_epoch, shuffle, drop_remainder, start_step, share
    )
    return in_parallel(batches, to_fit)


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
    start_step: int = 0,
    max_sequences: int = 1,
    share: Share = (0, 1),
) -> tf.data.Dataset:
    """Batches of single segments with masked tokens, without next-sentence labels, for `kbl.models.masked_lm`.

    An example is as many whole sentences of one document as fit (`full_sentences`). All else is as in
    `pretraining_dataset`, except that one document is enough.

    Args:
        documents, tokenizer, masker: as in `pretraining_dataset`.
        sequence_length: int ≥ 4. The longest example, with its two special tokens.
        batch_size, seed, epochs, start_epoch, shuffle, drop_remainder, padding: as in `pretraining_dataset`.
        short_sequence_probability: as in `full_sentences`.
        start_step, max_sequences, share: as in `pretraining_dataset`.

    Returns:
        A data set of `(x, y, sample_weight)`, with
            x: `token_ids`, `segment_ids`, `padding_mask`, int32 [B, S], and `mask_positions`, int32 [B, M]; in packed
                rows also `position_ids`, `pack_ids`, int32 [B, S], and `sequence_starts`, int32 [B, K];
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
        examples = full_sentences(corpus, sequence_length, seed, epoch, short_sequence_probability)
        return _rows(examples, 1, sequence_length, max_sequences)

    ids, pack = CorpusExamples(corpus), packing(tokenizer, sequence_length, padding, max_sequences)

    def to_fit(epoch, example_index, rows):
        examples = tf.reshape(rows, [-1, max_sequences, 2]) if max_sequences > 1 else rows
        return masked_features(pack(ids(examples)), masker, epoch, example_index)

    width = 2 * max_sequences
    batches = batches_of_epochs(
        draw, width, batch_size, seed, epochs, start_epoch, shuffle, drop_remainder, start_step, share
    )
    return in_parallel(batches, to_fit)


def _rows(examples: np.ndarray, segments: int, sequence_length: int, max_sequences: int) -> np.ndarray:
    """The examples of each row side by side, -1 where there are fewer than `max_sequences`."""
    if max_sequences == 1:
        return examples
    spans = examples[:, : 2 * segments].reshape(-1, segments, 2)
    lengths = (spans[..., 1] - spans[..., 0]).sum(axis=1) + 1 + segments
    table = pack_rows(lengths, sequence_length, max_sequences).table(max_sequences)
    rows = np.where((table >= 0)[..., None], examples[table], -1)
    return rows.reshape(len(rows), -1)


def _tokenized(documents, tokenizer) -> TokenizedDocuments:
    return documents if isinstance(documents, TokenizedDocuments) else tokenize_documents(documents, tokenizer)
