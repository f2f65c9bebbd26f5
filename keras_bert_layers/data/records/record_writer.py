"""One chunk of a corpus -> one shard of records, whole or not at all."""

import json
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_bert_layers.data.chinese_words import WordMarkingTokenizer
from keras_bert_layers.data.records.chunk_documents import chunk_documents
from keras_bert_layers.data.records.chunk_examples import chunk_examples
from keras_bert_layers.data.records.chunks import Chunk, PieceReader
from keras_bert_layers.data.records.deduplication import document_hash
from keras_bert_layers.data.records.preparation import Preparation, ShardReport
from keras_bert_layers.data.records.ragged_columns import Columns
from keras_bert_layers.data.records.schema import encode_example
from keras_bert_layers.data.records.stored_masks import with_stored_masks
from keras_bert_layers.data.records.whole_files import (
    explained_when_full,
    removed_on_error,
    size_and_sha256,
    write_whole,
)
from keras_bert_layers.data.tokenized import NoTokensError, tokenize_documents


class RecordWriter:
    """Makes the shards of a `Preparation`, chunk by chunk. Use it as a context manager."""

    def __init__(self, preparation: Preparation):
        self.preparation = preparation
        self.settings = preparation.settings

    def __enter__(self):
        self.reader = PieceReader().__enter__()
        return self

    def __exit__(self, *error):
        self.reader.__exit__(*error)

    def write_hashes(self, chunk: Chunk) -> ShardReport:
        """Writes the hashes of a chunk's documents, unless they are there already; reports what was read."""
        report = ShardReport(self.preparation.fingerprint, "")
        path = self.preparation.hashes_path(chunk.number)
        if not tf.io.gfile.exists(path):
            documents = chunk_documents(chunk, self.reader, self.settings, report)
            write_whole(path, b"".join(map(document_hash, documents)))
        return report

    def write_shard(self, chunk: Chunk) -> ShardReport:
        """Makes a chunk's shard, unless it is there already, whole and of this preparation."""
        path = self.preparation.shard_path(chunk.number)
        report_path = self.preparation.report_path(chunk.number)
        if report := self._finished(path, report_path):
            return report
        report = ShardReport(self.preparation.fingerprint, os.path.basename(path))
        documents, continues = self._tokenize(chunk, report)
        temporary = f"{path}.{os.getpid()}.tmp"
        with explained_when_full(path), removed_on_error(temporary):
            with tf.io.TFRecordWriter(temporary, (self.settings.compression or "").upper()) as file:
                for copy in range(self.settings.duplicates if documents else 0):
                    columns = chunk_examples(documents, continues, self.settings, chunk.number, copy)
                    if self.preparation.masker is not None:
                        columns = with_stored_masks(columns, self.preparation, chunk.number, copy)
                    self._count(columns, report)
                    for example in _encoded(columns):
                        file.write(example)
            report.size, report.sha256 = size_and_sha256(temporary)
            tf.io.gfile.rename(temporary, path, overwrite=True)
        # Only now: a shard without its report is made again.
        write_whole(report_path, json.dumps(report.to_dict()).encode())
        return report

    def _finished(self, path: str, report_path: str) -> ShardReport | None:
        if not (tf.io.gfile.exists(report_path) and tf.io.gfile.exists(path)):
            return None
        with tf.io.gfile.GFile(report_path) as file:
            report = ShardReport.from_dict(json.load(file))
        same = (report.fingerprint, report.file) == (self.preparation.fingerprint, os.path.basename(path))
        return report if same and size_and_sha256(path) == (report.size, report.sha256) else None

    def _tokenize(self, chunk: Chunk, report: ShardReport):
        """The chunk's documents, or None without a token; and which tokens go on with a word, if that is wanted."""
        tokenizer = self.preparation.tokenizer
        if self.settings.word_segmenter is not None:
            tokenizer = WordMarkingTokenizer(tokenizer)
        texts = chunk_documents(chunk, self.reader, self.settings, report)
        if self.settings.deduplicate:
            texts = self._without_duplicates(chunk, texts, report)
        layout = self.settings.text_layout
        try:
            documents = tokenize_documents((layout.sentences(text) for text in texts), tokenizer)
        except NoTokensError:
            return None, None
        report.counts.update(
            documents=documents.num_documents, sentences=documents.num_sentences, text_tokens=documents.num_tokens
        )
        return documents, tokenizer.continues() if self.settings.word_segmenter is not None else None

    def _without_duplicates(self, chunk: Chunk, texts: Iterator[str], report: ShardReport) -> Iterator[str]:
        with tf.io.gfile.GFile(self.preparation.duplicates_path(chunk.number), "rb") as file:
            repeats = np.unpackbits(np.frombuffer(file.read(), "uint8")).tolist()
        for text, repeat in zip(texts, repeats, strict=False):  # the bits are filled up to whole bytes
            if repeat:
                report.counts.update(duplicates=1)
            else:
                yield text

    def _count(self, columns: Columns, report: ShardReport) -> None:
        segments = self.settings.segments_per_sequence
        positions = columns["segment_lengths"][0].reshape(-1, segments).sum(axis=1) + segments + 1
        counts = np.bincount(positions, minlength=self.settings.sequence_length + 1)
        report.length_counts = (np.array(report.length_counts or [0]) + counts).tolist()
        report.examples += len(columns["segment_lengths"][1]) - 1
        report.tokens += len(columns["token_ids"][0])


def _encoded(columns: Columns) -> Iterator[bytes]:
    """The examples, serialized one by one."""
    bounds = [(name, values, splits.tolist()) for name, (values, splits) in columns.items()]
    for number in range(len(bounds[0][2]) - 1):
        yield encode_example(
            {name: values[splits[number] : splits[number + 1]].tolist() for name, values, splits in bounds}
        )
