"""Writing training states while training goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_bert_layers.training import state_files


class StateWriter:
    """Writes states into a directory from a thread of its own, one after the other, and keeps the last ones.

    Args:
        directory: where to write.
        keep: int > 0. How many states to keep; an older one goes when a newer one is complete.
    """

    def __init__(self, directory: Path, keep: int):
        self.directory, self.keep = directory, keep
        self._pool: ThreadPoolExecutor | None = None
        self._writing: Future | None = None

    def submit(self, step: int, arrays: dict[str, np.ndarray], facts: dict) -> None:
        """Begins to write. Call `wait` first: one state at a time is held in memory."""
        # The interpreter waits for the pool's thread when it exits, so that a state that was begun is completed.
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="state_writer")
        self._writing = self._pool.submit(self._write, step, arrays, facts)

    def wait(self) -> OSError | None:
        """Waits for what is being written; returns why it could not be."""
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                writing.result()
        except OSError as error:
            return error
        return None

    def close(self) -> None:
        """Ends the thread; a later `submit` begins another."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _write(self, step, arrays, facts):
        state_files.write(state_files.path_of(self.directory, step), arrays, facts)
        state_files.remove_others(self.directory, step, self.keep)
