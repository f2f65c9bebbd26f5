"""Strings to the entities in them, or to their words with a tag each."""

from collections.abc import Sequence

import tensorflow as tf

from keras_bert_layers import text
from keras_bert_layers.serving.forward import Forward
from keras_bert_layers.serving.settings import Settings, pad_to_bucket
from keras_bert_layers.text.tag_letters import split_tag


def find_in_texts(forward: Forward, tokenizer, sequence_length: int, settings: Settings):
    """A function of texts, string [B], that gives the entities in each, in their order, padded to the most of a text.

    It gives `text` string, `label` string, `start` and `end` int32 (characters of the text, the end exclusive) and
    `score` float32, [B, E] each, and `count` int32 [B]: the first so many of a row are real, the others
    empty, -1 and 0.
    Tags that are no entity tags, such as parts of speech, come for every word.
    """
    labels = settings.labels if mark_entities(settings.labels) else [f"S-{label}" for label in settings.labels]

    def logits_of(features):
        return forward(pad_to_bucket(features, settings.buckets, tokenizer.pad_id))["logits"]

    def entities_of(texts):
        texts = valid_utf8(texts)
        found = text.find_entities(logits_of, tokenizer, labels, texts, sequence_length)
        start, end = (tf.cast(found[name].to_tensor(0), tf.int32) for name in ("start", "end"))
        count = tf.cast(found["start"].row_lengths(), tf.int32)
        is_entity = tf.range(tf.shape(start)[1])[tf.newaxis] < count[:, tf.newaxis]
        return {
            "text": text.answer_texts(texts, start, end),
            "label": found["label"].to_tensor(""),
            "start": tf.where(is_entity, start, -1),
            "end": tf.where(is_entity, end, -1),
            "score": found["score"].to_tensor(0.0),
            "count": count,
        }

    return entities_of


def mark_entities(labels: Sequence[str]) -> bool:
    """Whether labels are tags of a scheme with letters, such as B-PER."""
    try:
        return [split_tag(label) for label in labels] != []
    except ValueError:
        return False


def valid_utf8(texts: tf.Tensor) -> tf.Tensor:
    """Texts in which bytes that are no UTF-8 are U+FFFD: what is cut out of them is valid JSON."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
