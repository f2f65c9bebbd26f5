"""The shards of a folder of records, read into memory one group at a time."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.records.ragged_columns import Columns, joined, nothing, splits_of
from keras_bert_layers.data.records.record_metadata import RecordMetadata
from keras_bert_layers.data.records.schema import check_consistent, parse_examples

_EXAMPLES_AT_ONCE = 2048
_NONE = np.zeros(0, "int32")


def check_sizes(directory: str, metadata: RecordMetadata, shards: Sequence[int]) -> None:
    """Raises a ValueError that names the first of these shards that is missing or has another size than was written."""
    for number in shards:
        shard = metadata.shards[number]
        path = os.path.join(directory, shard.file)
        size = tf.io.gfile.stat(path).length if tf.io.gfile.exists(path) else None
        if size != shard.size:
            found = "it is missing" if size is None else f"it has {size} bytes, and {shard.size} were written"
            raise ValueError(f"{_damaged(path)}: {found}. {_REMEDY}")


def read_shards(directory: str, metadata: RecordMetadata, shards: Sequence[int], chosen: np.ndarray) -> Columns:
    """Examples of these shards, one shard after the other, and their number in the whole set: `index`.

    Args:
        directory, metadata: the records.
        shards: the numbers of the shards.
        chosen: int, ascending. Which examples to read, counted through these shards; the others are passed over
            without being parsed.

    Raises:
        ValueError: if a shard is damaged; it says which.
    """
    first = splits_of([shard.examples for shard in metadata.shards])
    parts, before = [nothing(metadata.fields)], 0
    for number in shards:
        count = metadata.shards[number].examples
        own = chosen[slice(*np.searchsorted(chosen, [before, before + count]))] - before
        before += count
        if len(own):
            columns = _read(os.path.join(directory, metadata.shards[number].file), metadata, number, own)
            columns["index"] = first[number] + own, np.arange(len(own) + 1)
            parts.append(columns)
    return joined(parts[1:] or parts)


def _read(path: str, metadata: RecordMetadata, number: int, chosen: np.ndarray) -> Columns:
    shard, fields = metadata.shards[number], metadata.fields
    compression = (metadata.settings.compression or "").upper()
    values, lengths, seen = {name: [] for name in fields}, {name: [] for name in fields}, 0
    try:
        # One core is busy with it while the others go on with the batches; the tuner would only wait.
        records = tf.data.TFRecordDataset(path, compression, buffer_size=1 << 20).batch(_EXAMPLES_AT_ONCE)
        options = tf.data.Options()
        options.autotune.enabled = False
        for serialized in records.with_options(options):
            own = chosen[slice(*np.searchsorted(chosen, [seen, seen + len(serialized)]))] - seen
            seen += len(serialized)
            if len(own) < len(serialized):
                serialized = tf.gather(serialized, own)
            for name, rows in parse_examples(serialized, fields).items():
                values[name].append(rows.values.numpy().astype("int32"))
                lengths[name].append(np.diff(rows.row_splits.numpy()))
    except tf.errors.OpError as error:
        raise ValueError(f"{_damaged(path)}: {error.message}. {_REMEDY}") from error
    columns = {
        name: (np.concatenate([_NONE, *values[name]]), splits_of(np.concatenate([_NONE, *lengths[name]])))
        for name in fields
    }
    # The tokens of examples that were passed over are not known.
    found = seen, len(columns["token_ids"][0]) if len(chosen) == seen else shard.tokens
    if found != (shard.examples, shard.tokens):
        raise ValueError(
            f"{_damaged(path)}: it holds {found[0]} examples with {found[1]} tokens, and {shard.examples} with "
            f"{shard.tokens} were written. {_REMEDY}"
        )
    try:
        check_consistent(columns, metadata.settings.segments_per_sequence)
    except ValueError as error:
        raise ValueError(f"{_damaged(path)}: {error} {_REMEDY}") from error
    return columns


_REMEDY = "Copy it again from where it was made, or prepare the records again (overwrite=True)."


def _damaged(path: str) -> str:
    return f"The shard '{path}' is damaged"
