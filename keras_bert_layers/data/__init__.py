"""Corpora and data sets -> tf.data."""

from keras_bert_layers.data import tasks as tasks
from keras_bert_layers.data.bounded_batches import pad_to_length
from keras_bert_layers.data.bucketing import bucketed_dataset, length_batches
from keras_bert_layers.data.corpus_sample import sample_sentences
from keras_bert_layers.data.documents import read_documents
from keras_bert_layers.data.full_sentences import full_sentences
from keras_bert_layers.data.pretraining import masked_lm_dataset, pretraining_dataset
from keras_bert_layers.data.records.prepare_records import prepare_records
from keras_bert_layers.data.records.record_dataset import record_dataset
from keras_bert_layers.data.records.record_metadata import read_metadata, record_tokenizer
from keras_bert_layers.data.records.record_settings import RecordSettings
from keras_bert_layers.data.records.record_steps import record_epoch
from keras_bert_layers.data.records.shard_split import split_shards
from keras_bert_layers.data.sentence_pairs import SentencePairs, sentence_pairs
from keras_bert_layers.data.sentences import split_sentences
from keras_bert_layers.data.tokenized import TokenizedDocuments, tokenize_documents

__all__ = [
    "RecordSettings",
    "SentencePairs",
    "TokenizedDocuments",
    "bucketed_dataset",
    "full_sentences",
    "length_batches",
    "masked_lm_dataset",
    "pad_to_length",
    "prepare_records",
    "pretraining_dataset",
    "read_documents",
    "read_metadata",
    "record_dataset",
    "record_epoch",
    "record_tokenizer",
    "sample_sentences",
    "sentence_pairs",
    "split_sentences",
    "split_shards",
    "tokenize_documents",
]
