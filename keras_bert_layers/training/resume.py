"""Going on with a killed run exactly where it was."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_layers.training import callback_states, saved_run, state_files, training_state
from keras_bert_layers.training.agreed_state import agreed_state
from keras_bert_layers.training.first_step import when_metrics_are_made
from keras_bert_layers.training.run_history import RunHistory
from keras_bert_layers.training.state_writer import StateWriter

# Set as `model.stop_training` where an epoch ends before `fit` thinks so; no other callback sets this very object.
_EPOCH_IS_OVER = "the epoch is over"


class Resume(keras.callbacks.Callback):
    """Saves the state of a run every so many steps; the same program run again goes on with the last one.

    Killed at any moment and started again, a run goes on with the same batches, dropout and learning rates, and ends
    with the weights of a run left alone: bit for bit, where TensorFlow computes the same twice
    (`tf.config.experimental.enable_op_determinism`). The program has to make the same model and data set again, for
    which `keras.utils.set_random_seed` at its beginning serves; and the data set has to begin at any step.

    What is saved: weights, optimizer, metrics, the states of all random generators of layers, of Keras, NumPy and
    Python, the epochs' logs, and what EarlyStopping, ReduceLROnPlateau and ModelCheckpoint remember (any callback, if
    it has `get_state()`, returning what JSON can hold, and `set_state(state)`). `tf.random` without a stateless seed
    has states inside operations, which nobody can read: draw with `keras.random`.

    A state is a file `step-….npz`, which has this name once it is whole on the disk, and a checksum of every array.
    One that cannot be read any more is passed over with a warning for the one before it. Files are written by a
    thread while training goes on; if that fails (a full disk), a warning says so, training goes on, and older states
    stay.

    On several devices and machines, metrics are saved as each replica holds them, so that a run goes on exactly on as
    many replicas, and on another number of them with the same batches, weights and metrics. Every worker has this
    callback; the first one writes and chooses the state to go on from, and all read it: the directory must be one that
    all see.

    `fit` below does it all. In place of it, with plain `model.fit`:

        step = resume.restore(model, callbacks)
        model.fit(dataset(step), steps_per_epoch=100, epochs=30, initial_epoch=step // 100,
                  callbacks=[*callbacks, resume])  # the last in the list

    Args:
        directory: where the states of this run are; made if it is not there.
        every: int > 0. Steps between two states. The end of the run is saved too. Defaults to 500.
        keep: int > 0. How many states to keep; the disk needs room for one more. Defaults to 3.
        settings: dict, as JSON can hold it, of what the run depends on, such as batch size and seed. A run that was
            saved under other settings is refused. Defaults to `None`: none are compared.

    Raises:
        ValueError: if a number is not positive, or `settings` is not for JSON.

    Example:
        >>> import tempfile
        >>> resume = Resume(tempfile.mkdtemp(), every=2, settings={"batch_size": 1})
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> batches = tf.data.Dataset.from_tensor_slices((tf.zeros((6, 1, 1)), tf.ones((6, 1, 1))))
        >>> history = resume.fit(model, batches.skip, until=6, steps_per_epoch=3, verbose=0)
        >>> resume.step, history.epoch
        (6, [0, 1])
    """

    def __init__(self, directory: str | os.PathLike, every: int = 500, keep: int = 3, settings: dict | None = None):
        super().__init__()
        self.runs_on_every_worker = True  # `kbl.distribute.on_chief` refuses it
        if every < 1 or keep < 1:
            raise ValueError(f"`every` and `keep` must be positive. Received: every={every}, keep={keep}.")
        self.directory, self.every, self.keep = Path(directory), every, keep
        self.settings = saved_run.as_json(settings)
        self.step, self.stopped = 0, False
        self._writer = StateWriter(self.directory, keep)
        self._callbacks, self._history, self._until = (), RunHistory(), None
        self._restored: keras.Model | None = None
        self._pending: saved_run.SavedState | None = None  # until `fit` begins

    def restore(self, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback] = ()) -> int:
        """Gives a compiled model the last state that was saved.

        Args:
            model: compiled, and built.
            callbacks: others of the same `fit`, whose memory is part of the state.

        Returns:
            After how many steps the state was saved, that is, with which batch the data set has to begin; 0 if there is
            none, and the model is as it was.

        Raises:
            ValueError: if the state was saved under other settings or of another model; if there are files and none can
                be read; or if the model is not compiled and built.
        """
        if not (getattr(model, "compiled", False) and model.built):
            raise ValueError(f"The model {model.name!r} must be built and compiled before its state is restored.")
        with model.distribute_strategy.scope():
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
        self._restored, self._callbacks = model, tuple(callbacks)
        if _is_chief(model):
            state_files.remove_leftovers(self.directory)
        state = agreed_state(model.distribute_strategy, self.directory, self.settings)
        if state is not None:
            self._put(("model", "optimizer"), model, state)
            self.step, self.stopped = state.facts["step"], state.facts["stopped"]
            self._history.set_state(state.facts["history"])
            self._pending = state
        return self.step

    def fit(
        self,
        model: keras.Model,
        dataset: Callable[[int], tf.data.Dataset],
        until: int,
        steps_per_epoch: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        **arguments,
    ) -> keras.callbacks.History:
        """`model.fit` from the last state on, or from the beginning; a run that has ended is not trained further.

        Epochs are what they are in a run left alone: the steps from one multiple of `steps_per_epoch` to the next, the
        last one to `until`. Logs, validation and what callbacks see at the end of an epoch are those of all its steps,
        also of those before a restart.

        A run of several parts, for instance of short and then long sequences, calls this once for each, with a growing
        `until`; parts that were done are passed over.

        Args:
            model: compiled, and built.
            dataset: step -> data set of the batches from that step on, without end or up to `until`.
            until: int > 0. The last step, counted from the beginning of the run.
            steps_per_epoch: int > 0.
            callbacks: other callbacks.
            **arguments: the other arguments of `model.fit`, such as `validation_data` and `verbose`.

        Returns:
            The `History` of the whole run, with the epochs before a restart.

        Raises:
            ValueError: as `restore`; if a number is not positive; or if the data end before `until`.
        """
        if until < 1 or steps_per_epoch < 1:
            raise ValueError(
                f"`until` and `steps_per_epoch` must be positive. Received: until={until}, "
                f"steps_per_epoch={steps_per_epoch}."
            )
        if not callable(dataset):
            raise ValueError(
                "`dataset` must be a function of the step to begin with, such as `lambda step: dataset.skip(step)`. "
                f"Received: {dataset!r}."
            )
        if self._restored is not model:
            self.restore(model, callbacks)
        self._callbacks, self._until = tuple(callbacks), until
        all_callbacks = [*callbacks, self._history, self]
        if self.step < until and not self.stopped:
            model.fit(
                dataset(self.step),
                steps_per_epoch=steps_per_epoch,
                initial_epoch=self.step // steps_per_epoch,
                epochs=-(-until // steps_per_epoch),
                callbacks=all_callbacks,
                **{"shuffle": False, **arguments},
            )
        elif self.step == until or self.stopped:
            # What `fit` does after the last epoch, which a kill may have prevented.
            ending = keras.callbacks.CallbackList(all_callbacks, model=model, steps=steps_per_epoch, epochs=0)
            ending.on_train_begin()
            model.optimizer.finalize_variable_values(model.trainable_weights)
            ending.on_train_end()
        return self._history

    def on_train_begin(self, logs=None):
        self._steps_per_epoch = self.params.get("steps")
        self._end = self._until or (self._steps_per_epoch or 0) * self.params.get("epochs", 0)
        if self._pending is not None:
            callback_states.put(self._callbacks, self._pending.arrays, self._pending.facts["callbacks"])
            self._wait_for_metrics = len(training_state.variables_of(self.model)["metrics"]) < self._pending.num_metrics
            if self._wait_for_metrics:
                when_metrics_are_made(self.model, self._finish_restoring)

    def on_epoch_begin(self, epoch, logs=None):
        size, together = self._steps_per_epoch, self.model.steps_per_execution
        if size is None:
            raise ValueError("Resume needs to know how long an epoch is: pass `steps_per_epoch` to `fit`.")
        if not epoch * size <= self.step < (epoch + 1) * size:
            raise ValueError(
                f"The run is at step {self.step}, in epoch {self.step // size} of {size} steps, and `fit` has begun "
                f"epoch {epoch}. Pass initial_epoch={self.step // size} to it, or use `Resume.fit`."
            )
        self._epoch_end = min((epoch + 1) * size, self._end)
        if any(number % together for number in (self.step, size, self._epoch_end)):
            raise ValueError(
                f"The model takes {together} steps at a time (steps_per_execution), which must divide "
                f"`steps_per_epoch` and `until`. Received: epochs of {size} steps, this one ending at step "
                f"{self._epoch_end}, and the run now at {self.step}."
            )
        self._epoch_begin, self._ends_early = self.step, self._epoch_end - self.step < size
        self._metrics_begin, self._ended = self.step, []
        if self._pending is not None:
            begin = self._pending.facts["metrics_begin"]
            if epoch * size <= begin < self.step:  # they are of this epoch, if epochs are what they were
                self._metrics_begin = begin
            if not self._wait_for_metrics:
                self._finish_restoring()

    def on_train_batch_begin(self, batch, logs=None):
        # Not when the last batch has ended, so that `fit` can be told that this is the last one of the epoch.
        self.step = self._epoch_begin + batch
        if batch and self._is_due():
            self._save(in_epoch=True)
        self.step += self.model.steps_per_execution
        if self._ends_early and self.step == self._epoch_end:
            self.model.stop_training = _EPOCH_IS_OVER

    def on_train_batch_end(self, batch, logs=None):
        self._ended.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        if self.model.stop_training is _EPOCH_IS_OVER:
            self.model.stop_training = False
        self.stopped = bool(self.model.stop_training)
        # A step for which there were no data begins, and never ends.
        ended = self._epoch_begin + len(self._ended) * self.model.steps_per_execution
        if ended < (self.step if self.stopped else self._epoch_end):
            raise ValueError(
                f"The data set ended before step {self._epoch_end}. It must be endless, or hold all batches from the "
                "step it is asked for up to the end of the run."
            )
        if self.stopped or self.step == self._end or self._is_due():
            self._save(in_epoch=False)

    def on_train_end(self, logs=None):
        self._warn_if_failed()
        self._writer.close()

    def _is_due(self):
        return self.step // self.every > (self.step - self.model.steps_per_execution) // self.every

    def _save(self, in_epoch):
        variables = training_state.variables_of(self.model)
        if not in_epoch:
            del variables["metrics"]  # each epoch begins with new ones
        of_replicas = training_state.take_of_replicas(variables, self.model.distribute_strategy)
        if not _is_chief(self.model):
            return
        self._warn_if_failed()
        arrays, described = training_state.take(variables, of_replicas)
        arrays_of_callbacks, callbacks = callback_states.take(self._callbacks)
        facts = {
            **saved_run.about(self.settings),
            "step": self.step,
            "metrics_begin": self._metrics_begin,
            "stopped": self.stopped,
            "variables": described,
            "random": training_state.take_random(),
            "callbacks": callbacks,
            "history": self._history.get_state(),
        }
        self._writer.submit(self.step, {**arrays, **arrays_of_callbacks}, facts)

    def _finish_restoring(self):
        """What can be put back only when Keras has reset the metrics, and callbacks themselves, for the first epoch."""
        state, self._pending = self._pending, None
        if state.facts["random"]["keras"]:
            training_state.make_global_generator()
            self._put(("random",), self.model, state)
        if state.num_metrics and self._metrics_begin < self._epoch_begin:
            self._put(("metrics",), self.model, state)
        callback_states.put(self._callbacks, state.arrays, state.facts["callbacks"])
        training_state.put_random(state.facts["random"])

    def _put(self, kinds, model, state):
        variables = training_state.variables_of(model)
        wanted = {kind: variables[kind] for kind in kinds}
        training_state.put(wanted, state.arrays, state.facts["variables"], model.distribute_strategy)

    def _warn_if_failed(self):
        error = self._writer.wait()
        if error is not None:
            warnings.warn(
                f"A state of the run could not be saved: {error}. Training goes on; the states that are in "
                f"{self.directory} stay as they are.",
                stacklevel=2,
            )


def _is_chief(model) -> bool:
    return model.distribute_strategy.extended.should_checkpoint
