"""Data sets of tasks: files of examples, and how their labels are written."""

from keras_bert_layers.data.tasks.class_weights import class_weights
from keras_bert_layers.data.tasks.cmrc_scores import cmrc_scores
from keras_bert_layers.data.tasks.conll import TaggedSentences, read_conll
from keras_bert_layers.data.tasks.entity_scores import EntityScores, entity_scores
from keras_bert_layers.data.tasks.labels import LabelVocabulary
from keras_bert_layers.data.tasks.squad import Questions, read_squad, write_squad_predictions
from keras_bert_layers.data.tasks.squad_scores import normalized_answer, squad_scores
from keras_bert_layers.data.tasks.table import LabelledTexts, read_table
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
    "LabelVocabulary",
    "LabelledTexts",
    "Questions",
    "TaggedSentences",
    "class_weights",
    "cmrc_scores",
    "continuation_labels",
    "convert_tags",
    "detect_scheme",
    "entity_scores",
    "invalid_positions",
    "normalized_answer",
    "read_conll",
    "read_squad",
    "read_table",
    "spans_from_tags",
    "squad_scores",
    "tags_from_spans",
    "write_squad_predictions",
]
