"""The state that all workers of a run go on from."""

import time
from pathlib import Path

import tensorflow as tf

from keras_bert_layers.training import saved_run, state_files
from keras_bert_layers.training.replicas import from_all_replicas, replica_numbers

# How long a shared directory may take to show a file that the first worker sees.
PATIENCE = 60.0
_NOTHING, _FAILED = -1, -2


def agreed_state(
    strategy: tf.distribute.Strategy, directory: Path, settings: dict | None
) -> saved_run.SavedState | None:
    """The newest state that the first worker can read, for all workers; None if it sees none.

    The listing of a shared directory may differ between machines for a moment: the first worker chooses, and the others
    wait for the file to be there. With several workers, each has to call this at the same time.

    Raises:
        ValueError: on all workers, if one of them cannot read the state or the state is of other settings.
    """
    numbers = replica_numbers(strategy)
    if len(numbers) == strategy.num_replicas_in_sync:
        return _checked(saved_run.newest_readable(directory), settings)

    state, failure, step = None, None, _NOTHING
    if 0 in numbers:
        try:
            state = _checked(saved_run.newest_readable(directory), settings)
            step = _NOTHING if state is None else state.facts["step"]
        except ValueError as error:
            failure, step = error, _FAILED
    step = _of_first_replica(strategy, numbers, step)
    if 0 not in numbers and step >= 0:
        try:
            state = _checked(_seen(state_files.path_of(directory, step)), settings)
        except ValueError as error:
            failure = error
    failed = (
        from_all_replicas(strategy, [[failure is not None]] * len(numbers))[:: len(numbers), 0].nonzero()[0].tolist()
    )
    if failure is not None:
        raise failure
    if failed:
        raise ValueError(
            f"Worker {', '.join(map(str, failed))} cannot go on from the state in {directory}: see what it says. No "
            "worker goes on without the others."
        )
    return state


def _checked(state, settings):
    if state is not None:
        saved_run.check(state.facts, settings)
    return state


def _of_first_replica(strategy, numbers, value):
    return int(from_all_replicas(strategy, [[value]] * len(numbers))[0, 0])


def _seen(path: Path) -> saved_run.SavedState:
    """What a file holds, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return saved_run.SavedState(*state_files.read(path))
        except state_files.UnreadableState as error:
            if time.monotonic() > deadline:
                raise ValueError(
                    f"The first worker goes on from {path}, which cannot be read here after {PATIENCE:g} seconds "
                    f"({error}). All workers need the same directory, on a disk that all of them see."
                ) from error
        time.sleep(0.2)
