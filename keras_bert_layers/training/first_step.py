"""Doing something between the making of a model's metrics and its first training step."""

from collections.abc import Callable

import keras
import tensorflow as tf


def when_metrics_are_made(model: keras.Model, then: Callable[[], None]) -> None:
    """Makes the variables of all metrics before the first step of the `fit` that has begun, and calls `then`.

    Keras makes those of compiled metrics in the first step, and so too late for giving them values with which this
    step goes on. Here they are made from one example of zeros that looks like the data.
    """
    train = model.train_function

    def first_step(iterator):
        model.train_function = train
        example = tf.nest.map_structure(_one_example, iterator.element_spec)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(example)
        predicted = model(x, training=False)
        model.compute_loss(x, y, predicted, sample_weight, training=False)
        model.compute_metrics(x, y, predicted, sample_weight)
        model.reset_metrics()
        then()
        return train(iterator)

    model.train_function = first_step


def _one_example(spec: tf.TensorSpec) -> tf.Tensor:
    return tf.zeros([1, *(size or 1 for size in spec.shape[1:])] if spec.shape.rank else [], spec.dtype)
