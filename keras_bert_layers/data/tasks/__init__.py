"""Data sets of tasks: files of examples, and how their labels are written."""

from keras_bert_layers.data.tasks.conll import TaggedSentences, read_conll
from keras_bert_layers.data.tasks.entity_scores import EntityScores, entity_scores
from keras_bert_layers.data.tasks.tag_schemes import (
    continuation_labels,
    convert_tags,
    detect_scheme,
    invalid_positions,
    spans_from_tags,
    tags_from_spans,
)

__all__ = [
    "EntityScores",
    "TaggedSentences",
    "continuation_labels",
    "convert_tags",
    "detect_scheme",
    "entity_scores",
    "invalid_positions",
    "read_conll",
    "spans_from_tags",
    "tags_from_spans",
]
