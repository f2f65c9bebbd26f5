"""What the sides on TensorFlow have in common: the device and its memory, data sets of arrays, and timed training."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from gpu_arrays import features_of
from gpu_options import block_seconds


def device() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"


def peak_gib() -> dict[str, float]:
    """The most memory of the GPU that was in use at once; nothing on a CPU."""
    if not tf.config.list_logical_devices("GPU"):
        return {}
    return {"peak_gib": tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30}


def of_rows(parts, rows: int) -> tf.data.Dataset:
    """Endless batches of so many rows, all sizes of which are known."""
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(rows, drop_remainder=True)
    return dataset.cache().repeat().prefetch(4)


def of_batches(batches: list) -> tf.data.Dataset:
    """Endless batches of several lengths, in their order."""
    leaves = [tf.nest.flatten(batch) for batch in batches]

    def spec(place):
        shapes = np.array([np.shape(batch[place]) for batch in leaves])
        same = (shapes == shapes[0]).all(axis=0)
        sizes = [int(size) if is_same else None for size, is_same in zip(shapes[0], same, strict=True)]
        return tf.TensorSpec(sizes, leaves[0][place].dtype)

    specs = tf.nest.pack_sequence_as(batches[0], [spec(place) for place in range(len(leaves[0]))])
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=specs)
    return dataset.cache().repeat().prefetch(4)


def training_seconds(
    model: keras.Model, dataset: tf.data.Dataset, steps: int, blocks: int
) -> tuple[list[float], list[float]]:
    """The seconds of blocks of `fit`, all on the same batches, and the loss of each."""
    losses = []

    def block():
        losses.append(model.fit(dataset, steps_per_epoch=steps, verbose=0, shuffle=False).history["loss"][-1])

    return block_seconds(block, blocks), losses[1:]


def inference_seconds(logits: Callable, batches: list[dict[str, np.ndarray]], blocks: int) -> list[float]:
    """The seconds of blocks of answers to all batches of sentences, asked for at once and fetched one by one."""
    fed = [{name: tf.constant(value) for name, value in features_of(batch).items()} for batch in batches]

    def block():
        for answer in [logits(features) for features in fed]:
            answer.numpy()

    return block_seconds(block, blocks)
