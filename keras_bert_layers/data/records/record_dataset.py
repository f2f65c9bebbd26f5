"""Records -> batches for masked-LM and next-sentence training."""

import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_bert_layers.data.masked_batches import in_parallel
from keras_bert_layers.data.records.record_batches import RecordBatches
from keras_bert_layers.data.records.record_epochs import RecordEpochs
from keras_bert_layers.data.records.record_metadata import read_metadata
from keras_bert_layers.data.records.record_steps import RecordSteps
from keras_bert_layers.ops.row_share import Share, share_bounds
from keras_bert_layers.text import BertTokenizer


def record_dataset(
    directory: str | os.PathLike,
    tokenizer: BertTokenizer,
    masker: Callable[..., dict[str, tf.Tensor]] | None,
    batch_size: int,
    seed: int = 0,
    epochs: int | None = None,
    start_epoch: int = 0,
    start_step: int = 0,
    shuffle: bool = True,
    shuffle_shards: int = 4,
    drop_remainder: bool = True,
    padding: str = "max",
    max_sequences: int = 1,
    shards: Sequence[int] | None = None,
    share: Share = (0, 1),
) -> tf.data.Dataset:
    """Batches out of records, as `model.fit` takes them: those of `pretraining_dataset` for a corpus of any size.

    An epoch reads its shards in random order, a few at a time, and mixes all examples of these. What a batch holds
    depends on `seed` and its place alone, however many threads make it, and a mask on the masker's seed, the epoch and
    the example: a run can be repeated, and goes on exactly at any `start_step`, for which no shard is read that was
    used up before. Memory holds two groups of shards, about 20 bytes for each of their tokens.

    An endless data set (`epochs=None`) is for `fit(..., steps_per_epoch=...)`; `record_epoch` tells how many steps an
    epoch has. Examples of two epochs never share a batch.

    Several workers divide each batch (`kbl.distribute.batches`): the shares of a step together are its batch. Each goes
    through the files of all shards, and parses, keeps, lays out and masks only its own rows; where rows are packed when
    they are read, all are parsed.

    Args:
        directory: the folder that `prepare_records` wrote.
        tokenizer: the tokenizer of the records (`record_tokenizer`).
        masker: hides tokens, called as `masker(features, example_index, epoch=epoch)`: a `kbl.text.MaskedLMMasker`.
            None for records that hold their masks.
        batch_size: int > 0. Rows in a batch, of all workers together.
        seed: int ≥ 0, of the order; the masker has its own. Defaults to 0.
        epochs: int > 0 or None. How many passes over the records; None (default) for endless ones.
        start_epoch: int ≥ 0. The first epoch. Defaults to 0.
        start_step: int ≥ 0. The number of batches, counted from the first of `start_epoch`, that a run has used
            already; it goes on with the next one. Defaults to 0.
        shuffle: bool. Whether each epoch has a random order. Defaults to True.
        shuffle_shards: int > 0. How many shards are mixed at a time. Defaults to 4.
        drop_remainder: bool. Whether an epoch's last batch is left out when it is smaller. Defaults to True.
        padding: `"max"` (default) pads to the records' `sequence_length`, for static shapes; `"longest"` to the batch's
            longest.
        max_sequences: int > 0. With more than 1, K, up to so many sequences are packed into one row, as in
            `pretraining_dataset`, by best fit among the shards that are mixed, anew in each epoch. Defaults to 1: rows
            as they were stored, which may be packed themselves.
        shards: the numbers of the shards to use. Defaults to None: all. See `split_shards` for held-out data.
        share: (number, count). Which of `count` even shares of each batch to prepare. Defaults to (0, 1): all of it.

    Returns:
        A data set of `(x, y, sample_weight)`, as `pretraining_dataset` gives it for records with sentence pairs, and as
        `masked_lm_dataset` does for records of single segments.

    Raises:
        FileNotFoundError: if there are no records.
        ValueError: if the records are of another vocabulary or schema version, a shard is missing or of another size,
            or an argument is out of range. A shard that is damaged inside fails when it is read, with its name.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_bert_layers.data import RecordSettings, prepare_records
        >>> from keras_bert_layers.text import BertTokenizer, MaskedLMMasker
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains", "again"])
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = folder.joinpath("corpus.txt").write_text("it rains\\nit rains again\\n\\nagain it rains\\nit rains\\n")
        >>> _ = prepare_records(folder / "corpus.txt", folder, tokenizer, RecordSettings(sequence_length=12))
        >>> masker = MaskedLMMasker(tokenizer, max_predictions=2)
        >>> x, y, sample_weight = next(iter(record_dataset(folder, tokenizer, masker, batch_size=2)))
        >>> x["token_ids"].shape, y["masked_lm"].shape, y["next_sentence"].shape
        (TensorShape([2, 12]), TensorShape([2, 2]), TensorShape([2]))
    """
    directory = os.fspath(directory)
    metadata = read_metadata(directory)
    metadata.check_tokenizer(tokenizer)
    if (epochs is not None and epochs < 1) or min(seed, start_epoch, start_step) < 0:
        raise ValueError(
            "`epochs` must be positive, `seed`, `start_epoch` and `start_step` not negative. Received: "
            f"epochs={epochs}, seed={seed}, start_epoch={start_epoch}, start_step={start_step}."
        )
    order = RecordEpochs(directory, metadata, shards, seed, shuffle, shuffle_shards, max_sequences)
    steps = RecordSteps(order, batch_size, drop_remainder, share)
    begin, end = share_bounds(batch_size, share)
    num_rows = end - begin if drop_remainder else None
    batches = RecordBatches(metadata, tokenizer, masker, max_sequences, padding, num_rows)
    stop = None if epochs is None else start_epoch + epochs
    first_epoch, used = steps.after(start_step, start_epoch, stop)

    def generate():
        for epoch, rows in steps.batches(first_epoch, stop, used):
            yield batches.arrays(epoch, rows)

    dataset = tf.data.Dataset.from_generator(generate, output_signature=batches.signature)
    cardinality = tf.data.INFINITE_CARDINALITY
    if stop is not None:
        cardinality = sum(steps.of(epoch) for epoch in range(first_epoch, stop)) - used
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    if share[1] > 1:
        # These rows are a worker's already: a strategy must not take its share of them once more.
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        dataset = dataset.with_options(options)
    return in_parallel(dataset, batches.to_fit)
