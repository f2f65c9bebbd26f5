"""Runs the making of shards, chunk by chunk, in this process or in several."""

import concurrent.futures
import multiprocessing
import pickle
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import tensorflow as tf

from keras_bert_layers.data.records.chunks import Chunk
from keras_bert_layers.data.records.preparation import Preparation, ShardReport
from keras_bert_layers.data.records.record_writer import RecordWriter


def run_tasks(
    preparation: Preparation, task: str, chunks: Sequence[Chunk], workers: int = 1
) -> Iterator[tuple[Chunk, ShardReport]]:
    """Each chunk with what came of it, in the order of the chunks.

    Args:
        preparation: what is made.
        task: the method of `RecordWriter` to call with each chunk.
        chunks: what to work on.
        workers: int > 0. How many processes; with 1, this one does the work.

    Raises:
        RuntimeError: if a process ends before its work is done.
    """
    if workers == 1:
        with RecordWriter(preparation) as writer:
            for chunk in chunks:
                yield chunk, getattr(writer, task)(chunk)
        return
    # TensorFlow must not be forked once it runs.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context, _start_worker, (pickle.dumps(preparation),)) as pool:
        waiting, running = iter(chunks), deque()
        try:
            while True:
                for chunk in islice(waiting, 2 * workers - len(running)):
                    running.append((chunk, pool.submit(_work, task, chunk)))
                if not running:
                    return
                chunk, future = running.popleft()
                yield chunk, future.result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process was ended from outside, perhaps because memory ran out. The shards that were "
                "finished are kept: run the same again, with fewer workers."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_writer = None


def _start_worker(preparation: bytes) -> None:
    # The processes are the parallelism. It must be said before TensorFlow runs, so also before the tokenizer is built;
    # a main program that uses TensorFlow while it is imported has been faster.
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    global _writer
    _writer = RecordWriter(pickle.loads(preparation)).__enter__()


def _work(task: str, chunk: Chunk) -> ShardReport:
    return getattr(_writer, task)(chunk)
