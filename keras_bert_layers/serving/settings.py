"""How the endpoints of an export are set."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Settings:
    """What was said to `export` about its answers; see there.

    Args:
        labels: names of the classes, or None.
        pairs: whether `text` comes with `text_pair`.
        top_k: answers to a question, and words for a mask.
        max_answer_length: in tokens.
        null_threshold: above which "no answer" wins; None where there always is one.
        buckets: lengths that features are padded to, ascending; none for the longest of the batch.
    """

    labels: tuple[str, ...] | None = None
    pairs: bool = False
    top_k: int = 5
    max_answer_length: int = 30
    null_threshold: float | None = None
    buckets: tuple[int, ...] = ()


def checked_buckets(buckets: Sequence[int], sequence_length: int) -> tuple[int, ...]:
    """The buckets in order, the last of which is the longest input.

    Raises:
        ValueError: if one is no length from 3 to `sequence_length`.
    """
    if any(not isinstance(bucket, int) or not 3 <= bucket <= sequence_length for bucket in buckets):
        raise ValueError(
            f"`buckets` must be lengths from 3 to the preprocessor's sequence_length, {sequence_length}. Received: "
            f"{tuple(buckets)}. Leave larger ones out, or build the preprocessor with a larger sequence_length."
        )
    return tuple(sorted({*buckets, sequence_length})) if buckets else ()


def pad_to_bucket(features: dict[str, tf.Tensor], buckets: Sequence[int], pad_id: int) -> dict[str, tf.Tensor]:
    """Features [B, S] padded to the shortest bucket that holds them, so that few different shapes occur.

    Other features, such as the numbers of windows, stay as they are.
    """
    if not buckets:
        return features
    length = tf.shape(features["token_ids"])[1]
    sizes = tf.constant(buckets)
    missing = tf.gather(sizes, tf.reduce_sum(tf.cast(sizes < length, tf.int32))) - length
    fillings = {"token_ids": pad_id, "starts": -1, "ends": -1}
    return {
        name: tf.pad(feature, [[0, 0], [0, missing]], constant_values=fillings.get(name, 0))
        if feature.shape.rank == 2
        else feature
        for name, feature in features.items()
    }
