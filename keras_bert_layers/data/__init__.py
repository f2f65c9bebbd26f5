"""Corpora and data sets -> tf.data."""

from keras_bert_layers.data.documents import read_documents
from keras_bert_layers.data.sentences import split_sentences

__all__ = ["read_documents", "split_sentences"]
