"""What only one of several workers does: writing files and showing progress."""

from collections.abc import Sequence

import keras
import tensorflow as tf

# Callbacks that change the training, or read what all workers hold together: why they must run everywhere.
_ON_EVERY_WORKER = {
    keras.callbacks.EarlyStopping: "it decides when to stop",
    keras.callbacks.ReduceLROnPlateau: "it sets the learning rate",
    keras.callbacks.LearningRateScheduler: "it sets the learning rate",
    keras.callbacks.SwapEMAWeights: "it changes the weights",
    keras.callbacks.TerminateOnNaN: "it decides when to stop",
    keras.callbacks.BackupAndRestore: "it sets the weights of the worker that it runs on; use kbl.training.Resume",
}


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one of its strategy's workers that writes files; alone, it is.

    What reads only the model's weights may be written by the chief alone:

        if kbl.distribute.is_chief(strategy):
            kbl.convert.save_pretrained(model, path, tokenizer)

    `predict`, `evaluate`, and reading metrics wait for all workers: they have to run on every one.

    Args:
        strategy: of the model.

    Example:
        >>> is_chief(tf.distribute.get_strategy())
        True
    """
    return bool(strategy.extended.should_checkpoint)


def on_chief(
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback], strategy: tf.distribute.Strategy
) -> keras.callbacks.Callback | list[keras.callbacks.Callback]:
    """Callbacks that act on one worker only: those that write files, or show something.

    On other workers they are not called. So they may look at logs and weights, as `ModelCheckpoint`, `CSVLogger` and
    `TensorBoard` do, and must not predict, evaluate or read metrics, for which all workers wait for each other.
    `Resume` and `TrainingProgress` of `kbl.training` run on all, and do by themselves what only the chief may.

    Args:
        callbacks: one, or several.
        strategy: of the model.

    Returns:
        On the chief the same callbacks; elsewhere, in the place of each, one that does nothing.

    Raises:
        ValueError: for a callback that has to run on every worker, such as `EarlyStopping`.

    Example:
        >>> strategy = tf.distribute.get_strategy()
        >>> log = keras.callbacks.CSVLogger("log.csv")
        >>> on_chief(log, strategy) is log
        True
        >>> on_chief(keras.callbacks.EarlyStopping(), strategy)
        Traceback (most recent call last):
        ValueError: EarlyStopping has to run on every worker: it decides when to stop. Pass it to `fit` as it is.
    """
    if isinstance(callbacks, keras.callbacks.Callback):
        return on_chief([callbacks], strategy)[0]
    for callback in callbacks:
        _check(callback)
    return list(callbacks) if is_chief(strategy) else [keras.callbacks.Callback() for _ in callbacks]


def _check(callback):
    reason = next((why for kind, why in _ON_EVERY_WORKER.items() if isinstance(callback, kind)), None)
    if reason is None and getattr(callback, "runs_on_every_worker", False):
        reason = "it does by itself what only the chief may"
    if reason is not None:
        raise ValueError(f"{type(callback).__name__} has to run on every worker: {reason}. Pass it to `fit` as it is.")
