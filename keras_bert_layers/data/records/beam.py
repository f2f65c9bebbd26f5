"""Runs the making of shards as an Apache Beam pipeline. The only importer of apache_beam."""

import json
from collections.abc import Iterator, Sequence

import tensorflow as tf

from keras_bert_layers.data.records.chunks import Chunk
from keras_bert_layers.data.records.preparation import Preparation, ShardReport
from keras_bert_layers.data.records.record_writer import RecordWriter


def run_tasks_on_beam(
    preparation: Preparation, task: str, chunks: Sequence[Chunk], flags: Sequence[str] = ()
) -> Iterator[tuple[Chunk, ShardReport]]:
    """As `run_tasks`, on a Beam runner: chunks are the elements, and each is worked on alone.

    The workers read the corpus and write the shards where this process would, so that they need the same file system,
    shared or remote (`gs://…`), and this package.

    Args:
        preparation, task, chunks: as in `run_tasks`.
        flags: Beam's pipeline options, such as `["--runner=DirectRunner", "--direct_num_workers=2"]`.

    Raises:
        ImportError: if Beam is not installed.
    """
    try:
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ImportError(
            "A Beam runner needs the package apache-beam, which is not installed: pip install "
            "'keras_bert_layers[beam]'. Without it, records are prepared in this process or in several (`workers`)."
        ) from error

    class Work(apache_beam.DoFn):
        def setup(self):
            self.writer = RecordWriter(preparation).__enter__()

        def process(self, chunk):
            getattr(self.writer, task)(chunk)

        def teardown(self):
            self.writer.__exit__(None, None, None)

    with apache_beam.Pipeline(options=PipelineOptions(list(flags))) as pipeline:
        # Without the reshuffle a runner may give all chunks to one worker.
        _ = (
            pipeline
            | "Chunks" >> apache_beam.Create(chunks)
            | "Spread" >> apache_beam.Reshuffle()
            | task >> apache_beam.ParDo(Work())
        )
    for chunk in chunks:
        yield chunk, _report(preparation, task, chunk)


def _report(preparation: Preparation, task: str, chunk: Chunk) -> ShardReport:
    if task != "write_shard":
        return ShardReport(preparation.fingerprint, "")
    with tf.io.gfile.GFile(preparation.report_path(chunk.number)) as file:
        return ShardReport.from_dict(json.load(file))
