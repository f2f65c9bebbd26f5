"""What one stored pretraining example holds: the one description that writer and reader share.

An example is a `tf.train.Example` in a TFRecord file. It holds no special tokens, no padding and no position: how long
rows are, how sequences share them and what is masked is decided when it is read. Its features are int64 lists, which
take one or two bytes a token on disk.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

SCHEMA_VERSION = 1

FIELDS = {
    "token_ids": "the ids of all tokens, segment after segment, without special tokens",
    "segment_lengths": "how many of them each segment has: one segment a sequence, or two (A and B) with an objective",
    "labels": "with an objective, for each sequence: 0 where B follows A, 1 where B is random or stands before A",
    "continues": "with a word segmenter, for each token: 1 where it belongs to the same word as the token before",
    "mask_positions": "with stored masks: which of the tokens were hidden, ascending, counted from 0 in token_ids",
    "mask_ids": "with stored masks: the id that stood at each of those places before",
}


def fields_of(objective: str, segmented: bool, masked: bool) -> tuple[str, ...]:
    """The fields that the examples of a set of records hold, in the order of `FIELDS`.

    Args:
        objective: `"none"`, `"next_sentence"` or `"sentence_order"`.
        segmented: whether words are marked (`continues`).
        masked: whether masks are stored.

    Example:
        >>> fields_of("none", segmented=False, masked=False)
        ('token_ids', 'segment_lengths')
    """
    stored = {
        "labels": objective != "none",
        "continues": segmented,
        "mask_positions": masked,
        "mask_ids": masked,
    }
    return tuple(name for name in FIELDS if stored.get(name, True))


def encode_example(fields: Mapping[str, Sequence[int]]) -> bytes:
    """One example as a serialized `tf.train.Example`; equal fields give equal bytes.

    Args:
        fields: int lists by their names in `FIELDS`.

    Raises:
        ValueError: for a field of another name.

    Example:
        >>> serialized = encode_example({"token_ids": [7, 8, 9], "segment_lengths": [2, 1], "labels": [0]})
        >>> parse_examples(tf.constant([serialized]), ("token_ids", "labels"))["token_ids"]
        <tf.RaggedTensor [[7, 8, 9]]>
    """
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise ValueError(f"A stored example has the fields {', '.join(FIELDS)}. Received: {', '.join(unknown)}.")
    # Filled in place: an example made of ready-made features takes two and a half times as long.
    example = tf.train.Example()
    for name, value in fields.items():
        example.features.feature[name].int64_list.value.extend(value)
    return example.SerializeToString(deterministic=True)


def parse_examples(serialized, fields: Sequence[str]) -> dict[str, tf.RaggedTensor]:
    """Serialized examples, string [B], as int64 RaggedTensors [B, None] by field; a field they lack is empty.

    Works eagerly and in `tf.data`.
    """
    return tf.io.parse_example(serialized, {name: tf.io.RaggedFeature(tf.int64) for name in fields})


def check_consistent(columns: Mapping[str, tuple[np.ndarray, np.ndarray]], segments_per_sequence: int) -> None:
    """Raises a ValueError unless the fields of all examples fit together.

    Args:
        columns: for each field the values of all examples, one after the other, and int64 [examples + 1], where each
            example's begin.
        segments_per_sequence: 1, or 2 with an objective.
    """
    _, token_splits = columns["token_ids"]
    lengths, length_splits = columns["segment_lengths"]
    ends = np.concatenate([[0], np.cumsum(lengths)])[length_splits]
    problem = None
    if not np.array_equal(ends, token_splits):
        problem = "segment_lengths do not add up to the number of token_ids"
    elif (np.diff(length_splits) % segments_per_sequence).any() or not np.diff(length_splits).all():
        problem = f"there are not {segments_per_sequence} segment_lengths for each sequence"
    elif "labels" in columns and not np.array_equal(columns["labels"][1] * segments_per_sequence, length_splits):
        problem = "there is not one label for each sequence"
    elif "continues" in columns and not np.array_equal(columns["continues"][1], token_splits):
        problem = "continues and token_ids differ in length"
    elif "mask_ids" in columns and not np.array_equal(columns["mask_ids"][1], columns["mask_positions"][1]):
        problem = "mask_positions and mask_ids differ in length"
    if problem:
        raise ValueError(f"The examples are not of schema version {SCHEMA_VERSION}: {problem}.")
