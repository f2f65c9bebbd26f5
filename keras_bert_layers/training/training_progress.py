"""Watching a training run: loss, accuracy, tokens per second, share of the device's peak, time left."""

import os
import time

import keras
import tensorflow as tf

from keras_bert_layers.training.batch_counts import BatchCounts
from keras_bert_layers.training.flops import device_peak_flops, pretraining_flops
from keras_bert_layers.training.progress_line import ProgressLine

# What `tf.summary.scalar` writes too, for which TensorBoard would have to be installed here.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


class TrainingProgress(keras.callbacks.Callback):
    """Says every so many steps how the run is doing: on a line, in `rows`, and to TensorBoard.

    Loss and metrics are those of the steps since the last report, not of the whole epoch so far. The device is asked
    only for a report. Its memory goes into the states of `Resume`, so that the curves of a run that was killed are
    whole.

    Tokens are counted of the data set that `watch` returns; those that hold no padding count. The share of the peak is
    that of the operations which the real tokens need (`pretraining_flops`), of all devices together.

    With several workers each has this callback, since all read the metrics together; the first one shows and writes.

    Args:
        total_steps: int > 0. Steps of the whole run.
        every: int > 0. Steps between two reports. Defaults to 50.
        config: the model's `BertConfig`, for the share of the peak. Defaults to `None`: without.
        peak_flops: float, operations per second of one device. Defaults to `None`: looked up by the name of the GPU;
            where that fails, as on a CPU, there is no share.
        tensorboard: folder to write scalars to. Defaults to `None`: none.
        show: bool. Whether to print the line. Defaults to True.

    Attributes:
        rows: a dict for each report: `step`, `seconds` of the run, `learning_rate`, the metrics by their names in the
            logs, `steps_per_second`, `tokens_per_second`, `share_of_peak`; at the end of an epoch also the metrics of
            validation, `val_…`.

    Raises:
        ValueError: if a number is not positive.

    Example:
        >>> progress = TrainingProgress(total_steps=4, every=2, show=False)
        >>> inputs = keras.Input((3,), name="padding_mask")
        >>> model = keras.Model({"padding_mask": inputs}, keras.layers.Dense(1)(inputs))
        >>> model.compile("sgd", "mse")
        >>> batch = ({"padding_mask": tf.constant([[1, 1, 0]])}, tf.constant([[1.0]]))
        >>> dataset = progress.watch(tf.data.Dataset.from_tensors(batch).repeat())
        >>> _ = model.fit(dataset, steps_per_epoch=4, shuffle=False, verbose=0, callbacks=[progress])
        >>> [row["step"] for row in progress.rows], progress.tokens
        ([2, 4], 8)
    """

    def __init__(
        self,
        total_steps: int,
        every: int = 50,
        config=None,
        peak_flops: float | None = None,
        tensorboard: str | os.PathLike | None = None,
        show: bool = True,
    ):
        super().__init__()
        self.runs_on_every_worker = True
        if total_steps < 1 or every < 1 or (peak_flops is not None and peak_flops <= 0):
            raise ValueError(
                "`total_steps`, `every` and `peak_flops` must be positive. Received: "
                f"total_steps={total_steps}, every={every}, peak_flops={peak_flops}."
            )
        self.total_steps, self.every, self.config, self.peak_flops = total_steps, every, config, peak_flops
        self.rows: list[dict[str, float]] = []
        self.step = self.tokens = 0
        self._counts, self._counted_to, self._window = BatchCounts(), None, None
        self._shares, self._seconds_before, self._metrics_begin, self._last = 1, 0.0, 0, None
        self._line = ProgressLine(total_steps) if show else None
        self._tensorboard, self._writer = tensorboard, None

    def watch(self, dataset: tf.data.Dataset, step: int = 0, share: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """The data set to train on, whose first batch is that of `step`, with its tokens counted.

        Its batches are tuples of which the first is a dict of features with `padding_mask`, or `pack_ids`. Where they
        are one of several `share`s of the batches, all shares are taken to hold as many tokens.
        """
        self._counted_to, self._shares = step, share[1]
        return self._counts.watch(dataset, step)

    def get_state(self) -> dict:
        """What `Resume` saves."""
        self._count()
        names = ("rows", "step", "tokens", "_metrics_begin", "_last")
        return {"seconds": self._seconds(), **{name.strip("_"): getattr(self, name) for name in names}}

    def set_state(self, state: dict) -> None:
        """Undoes `get_state`."""
        self._seconds_before, self._begun = state["seconds"], time.monotonic()
        self.rows, self.step, self.tokens = list(state["rows"]), state["step"], state["tokens"]
        self._metrics_begin, self._last = state["metrics_begin"], state["last"]

    def on_train_begin(self, logs=None):
        self._begun = time.monotonic()
        self._first = self._mark = None  # the first step of a `fit` is compiled: rates are measured from its end
        self._devices = self.model.distribute_strategy.num_replicas_in_sync
        self._is_shown = self.model.distribute_strategy.extended.should_checkpoint
        if self._tensorboard is not None and self._writer is None and self._is_shown:
            self._writer = tf.summary.create_file_writer(os.fspath(self._tensorboard))
        if self.config is not None and self.peak_flops is None:
            self.peak_flops = device_peak_flops(self.model.compute_dtype)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_begin = epoch * (self.params["steps"] or 0)
        self._begins = True

    def on_train_batch_begin(self, batch, logs=None):
        if not self._begins:
            self.step += self.model.steps_per_execution
            if self._mark is None:
                self._set_mark()
            elif self.step // self.every > (self.step - self.model.steps_per_execution) // self.every:
                self._report(self.model.get_metrics_result())
        self._begins = False

    def on_test_begin(self, logs=None):
        self._paused = self._now()[0]

    def on_test_end(self, logs=None):
        if self._mark is not None:
            self._mark = (self._mark[0] + self._now()[0] - self._paused, *self._mark[1:])

    def on_epoch_end(self, epoch, logs=None):
        self.step += self.model.steps_per_execution
        held_out = {name: value for name, value in logs.items() if name.startswith("val_")}
        training = {name: value for name, value in logs.items() if name not in held_out}
        self._report(training, held_out, ends_epoch=True)
        self._metrics_begin, self._last = self.step, None

    def on_train_end(self, logs=None):
        self._seconds_before, self._begun = self._seconds(), time.monotonic()
        if self._writer is not None:
            self._writer.flush()

    def _report(self, results, held_out=None, ends_epoch=False):
        results = {name: float(value) for name, value in results.items()}
        row = {"step": self.step, **self._since_last(results), **self._rates(), **(held_out or {})}
        row["learning_rate"] = _number(self.model.optimizer.learning_rate)
        row["seconds"] = self._seconds()
        self.rows.append(row)
        if self._writer is not None:
            with self._writer.as_default():
                for name, value in row.items():
                    tf.summary.write(name, float(value), step=self.step, metadata=_SCALAR)
        if self._line is not None and self._is_shown:
            self._line.show(self.step, row, self._seconds_left(), whole=ends_epoch)

    def _since_last(self, results):
        """Means over the steps since the last report, out of means over the epoch so far."""
        begin = max(self._metrics_begin, self._epoch_begin)
        last_step, last = self._last or (begin, dict.fromkeys(results, 0.0))
        self._last = [self.step, results]
        if last_step < begin or self.step == last_step:
            return results
        until_last, steps = last_step - begin, self.step - last_step
        return {
            name: (value * (self.step - begin) - last.get(name, 0.0) * until_last) / steps
            for name, value in results.items()
        }

    def _rates(self):
        mark = self._mark
        self._count()
        window = self._window
        now = self._set_mark()
        if mark is None or now[1] == mark[1]:
            return {}
        seconds = max(now[0] - mark[0], 1e-9)
        rates = {"steps_per_second": (now[1] - mark[1]) / seconds}
        if window is not None:
            rates["tokens_per_second"] = window[0] / seconds
            if self.config is not None and self.peak_flops:
                flops = pretraining_flops(self.config, *window)
                rates["share_of_peak"] = flops / seconds / (self.peak_flops * self._devices)
        return rates

    def _count(self):
        """Adds what was counted up to this step to the window since the last mark; None if it is not known."""
        if self._counted_to is not None:
            counts = self._counts.used(self._counted_to, self.step)
            counts = counts and [self._shares * count for count in counts]
            self.tokens += counts[0] if counts else 0
            known = counts and self._window
            self._window = [old + new for old, new in zip(self._window, counts, strict=True)] if known else None
            self._counted_to = self.step

    def _set_mark(self):
        self._count()
        self._mark, self._window = self._now(), None if self._counted_to is None else [0, 0, 0]
        self._first = self._first or self._mark
        return self._mark

    def _now(self):
        """When, and after how many steps; waits until the device has done them."""
        _number(self.model.optimizer.iterations)
        return time.monotonic(), self.step

    def _seconds(self):
        return self._seconds_before + time.monotonic() - self._begun

    def _seconds_left(self):
        if self._first is None or self.step == self._first[1]:
            return None
        pace = (time.monotonic() - self._first[0]) / (self.step - self._first[1])
        return pace * (self.total_steps - self.step)


def _number(value) -> float:
    """A variable or tensor, on however many devices."""
    return float(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(value)))
