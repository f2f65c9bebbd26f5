"""Entities of the tags that a model gives to tokens: where they begin and end, their types and scores."""

from collections.abc import Sequence

import tensorflow as tf

from keras_bert_layers.text.byte_offsets import row_ids
from keras_bert_layers.text.tag_letters import MEANING, entity_types, split_tag
from keras_bert_layers.text.word_labels import first_pieces


@tf.autograph.experimental.do_not_convert
def decode_entities(
    probabilities: tf.Tensor | tf.RaggedTensor,
    word_ids: tf.Tensor | tf.RaggedTensor,
    starts: tf.Tensor | tf.RaggedTensor,
    ends: tf.Tensor | tf.RaggedTensor,
    labels: Sequence[str],
) -> dict[str, tf.RaggedTensor]:
    """The entities of a batch of texts, in TensorFlow operations only, so that a SavedModel can give them.

    A word has the most likely tag of its first token. Words are joined to entities as in
    `data.tasks.spans_from_tags`: tags that break the rules of their scheme have a reading too. Tags of every scheme
    with letters will do (BIO, BIOES, BMES, BILOU, IOB1).

    Args:
        probabilities: float [B, S, C], of the tags of each token: the softmax of the logits.
        word_ids: int [B, S], the word that each token belongs to; -1 for special tokens and padding.
        starts, ends: int [B, S], where the token's word begins and ends in the text, as from `text_words`.
        labels: the tag of each class, in the order of the logits.

    Returns:
        dict of RaggedTensors [B, None], a value for each entity, in the order of the text: `start`, `end` (exclusive)
        int64; `label` string, the type without letter; `score` float32, the mean probability of the tags of its words.

    Raises:
        ValueError: if a label is no tag of entities, or the number of labels is not that of the classes.

    Example:
        >>> probabilities = tf.one_hot([[0, 1, 2, 0]], 3)
        >>> word_ids = tf.constant([[-1, 0, 1, -1]])
        >>> starts, ends = tf.constant([[-1, 0, 4, -1]]), tf.constant([[-1, 3, 8, -1]])
        >>> found = decode_entities(probabilities, word_ids, starts, ends, ["O", "B-LOC", "I-LOC"])
        >>> {name: values.to_list() for name, values in found.items()}
        {'start': [[0]], 'end': [[8]], 'label': [[b'LOC']], 'score': [[1.0]]}
    """
    columns = (probabilities, word_ids, starts, ends)
    if isinstance(word_ids, tf.RaggedTensor):
        columns = (probabilities.to_tensor(), *(column.to_tensor(-1) for column in columns[1:]))
    probabilities, word_ids, starts, ends = columns
    if probabilities.shape[-1] != len(labels):
        raise ValueError(
            f"`labels` must name each of the {probabilities.shape[-1]} classes of `probabilities`. Received "
            f"{len(labels)}: {list(labels)}."
        )
    types = entity_types(labels)
    letters = [split_tag(label) for label in labels]
    meanings = tf.constant(["OBIES".index(MEANING.get(letter, "O")) for letter, _ in letters])
    type_numbers = tf.constant([types.index(entity_type) if entity_type else -1 for _, entity_type in letters])

    # All words of the batch in one line.
    is_word = first_pieces(word_ids)
    of_words = tf.boolean_mask(probabilities, is_word)
    classes = tf.argmax(of_words, axis=-1)
    scores = tf.cast(tf.reduce_max(of_words, axis=-1), tf.float32)
    meaning, type_number = tf.gather(meanings, classes), tf.gather(type_numbers, classes)
    word_splits = tf.pad(tf.cumsum(tf.reduce_sum(tf.cast(is_word, tf.int64), axis=1)), [[1, 0]])
    begins = _begins(meaning, type_number, word_splits)

    inside = tf.where(meaning != 0)[:, 0]
    begins_before = tf.pad(tf.cumsum(tf.cast(begins, tf.int64)), [[1, 0]])
    entity = tf.gather(begins_before[1:], inside) - 1
    first = tf.where(begins)[:, 0]
    number = tf.size(first)
    word_starts, word_ends = (tf.cast(tf.boolean_mask(places, is_word), tf.int64) for places in (starts, ends))
    values = {
        "start": tf.gather(word_starts, first),
        "end": tf.math.unsorted_segment_max(tf.gather(word_ends, inside), entity, number),
        "label": tf.gather(tf.constant(types, tf.string), tf.gather(type_number, first)),
        "score": tf.math.unsorted_segment_mean(tf.gather(scores, inside), entity, number),
    }
    splits = tf.gather(begins_before, word_splits)
    return {name: tf.RaggedTensor.from_row_splits(column, splits, validate=False) for name, column in values.items()}


def _begins(meaning, type_number, word_splits):
    """bool [words]: `tag_letters.begins_entity` for all words at once; no text goes on in the next one."""
    outside, begin, _, end, single = range(5)
    before, type_before = (tf.pad(values[:-1], [[1, 0]]) for values in (meaning, type_number))
    rows = row_ids(word_splits, meaning)
    is_first = rows != tf.pad(rows[:-1], [[1, 0]], constant_values=-1)
    breaks = is_first | (before == outside) | (before == end) | (before == single) | (type_number != type_before)
    return (meaning != outside) & ((meaning == begin) | (meaning == single) | breaks)
