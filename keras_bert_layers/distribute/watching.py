"""Training that ends with a clear word when another worker has died."""

import atexit
import contextlib
import re
import signal
import sys
import threading
import weakref
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.eager import context  # how TensorFlow's own check of health aborts collectives

from keras_bert_layers.distribute.errors import WorkerLost
from keras_bert_layers.distribute.watch import Watch
from keras_bert_layers.distribute.worker import Worker

_WATCHES: weakref.WeakKeyDictionary[tf.distribute.Strategy, Watch] = weakref.WeakKeyDictionary()
_AGAIN = "Start the same command again on all workers: with `kbl.training.Resume` they go on from the last saved state."
# TensorFlow may notice a dead peer before the news of who it was has come.
_WAIT_FOR_THE_NAME = 5.0
_LONGEST_EXIT = 30


@contextlib.contextmanager
def watching(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Within it, the loss of another worker ends this process's training with a message, and never lets it hang.

    A worker that was killed is noticed at once, since its connection closes; one whose machine or network is gone,
    after TensorFlow's ten seconds without a heartbeat, or the `silence` of `make_strategy`. Collective operations are
    then aborted, so that `fit` returns from whatever it waits for. If it does not within 30 seconds, the process ends
    with the message and status 1. An exception of this process's own is passed on, and the others are told of it.

    Without other workers it does nothing.

    Args:
        strategy: from `make_strategy`.

    Raises:
        WorkerLost: naming the worker and its address.

    Example:
        >>> import keras, numpy as np
        >>> strategy = tf.distribute.get_strategy()
        >>> with strategy.scope():
        ...     model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        ...     model.compile("sgd", "mse")
        >>> with watching(strategy):
        ...     history = model.fit(np.zeros((4, 1)), np.zeros((4, 1)), verbose=0)
    """
    watch = _WATCHES.get(strategy)
    if watch is None:
        yield
        return
    watch.watched = True
    watch.tell(done=False)
    try:
        yield
    except BaseException as error:
        message = _cause(watch, error)
        if message is None:
            watch.tell(failed=_in_a_line(error))
            raise
        raise WorkerLost(f"{message}. {_AGAIN}") from (None if isinstance(error, tf.errors.OpError) else error)
    finally:
        watch.watched = False
    if watch.loss.is_set():
        raise WorkerLost(f"{watch.message}. {_AGAIN}")
    watch.tell(done=True)


def start_watch(strategy: tf.distribute.Strategy, worker: Worker, connections: dict, silence: float) -> None:
    """Begins to watch the other workers of a strategy."""

    def abort(message: str) -> None:
        atexit.register(_end_in_time)
        context.context().abort_collective_ops(tf.errors.UNAVAILABLE, message)

    watch = Watch(worker, connections, abort, silence)
    _WATCHES[strategy] = watch
    atexit.register(_say_goodbye, watch)


def _cause(watch: Watch, error: BaseException) -> str | None:
    """Who was lost, if that is why `error` came."""
    if isinstance(error, tf.errors.OpError) and not watch.loss.is_set():
        peer = re.search(r"/job:worker/replica:0/task:(\d+)", str(error))
        peer = None if peer is None or int(peer[1]) == watch.worker.index else int(peer[1])
        if peer is None and "CoordinationService/Heartbeat" in str(error):
            peer = 0  # the chief, whom all send their heartbeats to
        collective = peer is not None or "ollective" in str(error)
        if not watch.loss.wait(_WAIT_FOR_THE_NAME if collective else 0) and peer is not None:
            lost = f"{watch.worker.name_of(peer)} does not answer (TensorFlow: {type(error).__name__})"
            watch.tell(lost=lost)
            return lost
    return watch.message if watch.loss.is_set() else None


def _in_a_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__


def _say_goodbye(watch: Watch) -> None:
    """At the end of the process, outside of `watching`: whether it had come to its end."""
    error = getattr(sys, "last_value", None)
    if error is None:
        watch.tell(done=True)
    else:
        watch.tell(failed=_in_a_line(error))


def _end_in_time() -> None:
    """TensorFlow may wait for the lost worker when it is taken down: then the kernel ends this process."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LONGEST_EXIT)
