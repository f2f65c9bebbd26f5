"""Corpora and data sets -> tf.data."""

from keras_bert_layers.data.documents import read_documents
from keras_bert_layers.data.full_sentences import full_sentences
from keras_bert_layers.data.pretraining import masked_lm_dataset, pretraining_dataset
from keras_bert_layers.data.sentence_pairs import SentencePairs, sentence_pairs
from keras_bert_layers.data.sentences import split_sentences
from keras_bert_layers.data.tokenized import TokenizedDocuments, tokenize_documents

__all__ = [
    "SentencePairs",
    "TokenizedDocuments",
    "full_sentences",
    "masked_lm_dataset",
    "pretraining_dataset",
    "read_documents",
    "sentence_pairs",
    "split_sentences",
    "tokenize_documents",
]
