"""The step of an optimizer on gradients that were summed over all replicas before."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras.src.optimizers import base_optimizer


def optimizers_in(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """It, and those that it wraps."""
    inner = [x for value in vars(optimizer).values() for x in (value if isinstance(value, list | tuple) else [value])]
    inner = [x for x in inner if isinstance(x, keras.optimizers.Optimizer) and x is not optimizer]
    return [optimizer, *(each for x in inner for each in optimizers_in(x))]


def on_global_gradients(optimizer: keras.optimizers.Optimizer) -> list[tuple[object, str, Callable]]:
    """For `shadowed`: optimizers that take gradients for what they are, and do not sum them over replicas.

    What they do before that, such as clipping, they so do to the gradient of the whole batch. Weights are overwritten
    with their moving averages by each replica for itself, since control flow may hold no step that replicas take
    together.
    """
    shadows = []
    for each in optimizers_in(optimizer):
        overwrite = base_optimizer.BaseOptimizer._overwrite_model_variables_with_average_value
        shadows.append((each, "_all_reduce_sum_gradients", list))
        shadows.append((each, "_overwrite_model_variables_with_average_value", overwrite.__get__(each)))
    return shadows


def loss_scale(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """The factor of the loss: to be called in a replica."""
    return tf.convert_to_tensor(optimizer.scale_loss(tf.ones(())))


def apply_gradients(
    strategy: tf.distribute.Strategy, optimizer: keras.optimizers.Optimizer, gradients, variables: list[keras.Variable]
) -> None:
    """The step, outside of replicas. `gradients` are what `strategy.run` gave.

    Where a `LossScaleOptimizer` finds a gradient that is not finite, nothing changes but the scale: in one branch for
    all replicas.
    """

    def apply(gradients):
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        strategy.run(apply, args=(gradients,))
        return

    def apply_unscaled(gradients):
        scale = optimizer.dynamic_scale
        optimizer.inner_optimizer.apply([gradient / scale for gradient in gradients], variables)

    def step():
        strategy.run(apply_unscaled, args=(gradients,))
        return True

    finite = strategy.experimental_local_results(strategy.run(_all_finite, args=(gradients,)))[0]
    tf.cond(finite, step, lambda: False)
    counted, scale = optimizer.step_counter + 1, optimizer.dynamic_scale
    grows = counted >= optimizer.dynamic_growth_steps
    optimizer.dynamic_scale.assign(tf.where(finite, tf.where(grows, scale * 2.0, scale), scale * 0.5))
    optimizer.step_counter.assign(tf.where(finite & ~grows, counted, tf.zeros_like(counted)))


def _all_finite(gradients):
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
