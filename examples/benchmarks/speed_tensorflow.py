"""What the sides of the comparison of speed that run on TensorFlow have in common: threads, the device, timed steps."""

import statistics
import time

import keras
import tensorflow as tf


def limit_threads(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def device() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "CPU"


def step_seconds(model: keras.Model, batches: tf.data.Dataset, warm_up: int = 2) -> list[float]:
    """Trains a compiled model for an epoch of these batches: the seconds of all steps but the first ones.

    The batches are made before, so that the clock sees the steps alone.
    """
    batches = batches.cache()
    for _ in batches:
        pass
    clock = _Clock()
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
    return clock.times[warm_up:]


def step_figures(times: list[float], tokens: int) -> dict[str, float]:
    """Of steps on different batches: the mean, since they have different work; `tokens` are those of all of them."""
    return {"seconds": statistics.mean(times), "tokens_per_second": tokens / sum(times)}


def count_tokens(batches: tf.data.Dataset, skip: int = 2) -> int:
    """The real tokens of all batches but the first ones; a batch begins with features that have a `padding_mask`."""
    masks = batches.skip(skip).map(lambda features, *rest: tf.reduce_sum(tf.cast(features["padding_mask"], tf.int64)))
    return int(sum(masks.as_numpy_iterator()))


class _Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_begin(self, batch, logs=None):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.iterations.numpy()  # waits for the step
        self.times.append(time.perf_counter() - self.begin)
