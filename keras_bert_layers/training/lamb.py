"""The optimizer for large batches."""

import keras
from keras import ops

from keras_bert_layers.training.dense_gradients import DenseGradients
from keras_bert_layers.training.layer_decay import LayerDecay
from keras_bert_layers.training.schedule import WarmupLinearDecay


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class LAMB(LayerDecay, DenseGradients, keras.optimizers.Lamb):
    """Adam whose step in each matrix is scaled to the size of the matrix.

    With m̂, v̂ Adam's means of g and g² without their bias, u = m̂ / (√v̂ + ε) + λ w and rate η:
    w ← w - η · (‖w‖ / ‖u‖) · u. The ratio is 1 where a norm is 0.

    Weights with one axis (biases, and what belongs to norms) have neither decay nor ratio: λ = 0 and w ← w - η · u.
    `keras.optimizers.Lamb`, whose arguments it takes, decays outside of the ratio and scales these weights too.

    Args:
        *args: those of `keras.optimizers.Lamb`.
        layer_decay: float in (0, 1]. η of a weight is smaller by this factor for every layer between it and the head;
            see `layer_rates`. Defaults to `None`: one rate for all, like 1.
        **kwargs: the other arguments of `keras.optimizers.Lamb`.

    Raises:
        ValueError: if `layer_decay` is out of its range; when the optimizer meets the weights, if their paths do not
            say to which block they belong.

    Example:
        >>> LAMB(1e-3, weight_decay=0.01).weight_decay
        0.01

    Reference:
        You et al. 2020, Large Batch Optimization for Deep Learning (arXiv:1904.00962), algorithm 2. Which weights are
        left out is as in Google's code (google-research/albert, lamb_optimizer.py), which does not correct the bias.
    """

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(self.rate_of(variable, learning_rate), variable.dtype)
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (1 - self.beta_1) * ops.subtract(gradient, mean))
        self.assign_add(square, (1 - self.beta_2) * ops.subtract(ops.square(gradient), square))

        step = ops.cast(self.iterations + 1, variable.dtype)
        mean_bias, square_bias = (
            1 - ops.power(ops.cast(beta, variable.dtype), step) for beta in (self.beta_1, self.beta_2)
        )
        update = (mean / mean_bias) / (ops.sqrt(square / square_bias) + self.epsilon)
        if len(variable.shape) > 1:
            if self.weight_decay and self._use_weight_decay(variable):
                update = update + self.weight_decay * variable
            update = self._trust_ratio(variable, update) * update
        self.assign_sub(variable, rate * update)

    def _trust_ratio(self, variable, update):
        # Norms in float32: the squares of a matrix in half precision do not sum up.
        weight_norm, update_norm = (ops.sqrt(ops.sum(ops.square(ops.cast(x, "float32")))) for x in (variable, update))
        defined = ops.logical_and(weight_norm > 0, update_norm > 0)
        ratio = ops.where(defined, weight_norm / ops.where(defined, update_norm, 1.0), 1.0)
        return ops.cast(ratio, variable.dtype)

    def _apply_weight_decay(self, variables):
        """Nothing: the decay is part of the step that the ratio scales."""


def lamb(
    learning_rate: float,
    total_steps: int,
    warmup_steps: int = 0,
    weight_decay: float = 0.01,
    epsilon: float = 1e-6,
    global_clipnorm: float | None = 1.0,
    **kwargs,
) -> LAMB:
    """LAMB with warm-up and linear decay, set as for pretraining BERT in large batches.

    Args:
        learning_rate: float > 0. The peak of the schedule. The paper's for BERT-large: 5e-3 · √(batch / 32,768).
        total_steps: int > 0. Steps of the whole run.
        warmup_steps: int in [0, total_steps). Defaults to 0.
        weight_decay: float >= 0. Not applied to norms and biases. Defaults to 0.01.
        epsilon: float > 0. Defaults to 1e-6.
        global_clipnorm: float > 0. Longest gradient, over all weights; None for no clipping. Defaults to 1.
        **kwargs: the other arguments of LAMB, such as `layer_decay`.

    Returns:
        An optimizer for `compile`.

    Raises:
        ValueError: if a number is out of its range.

    Example:
        >>> optimizer = lamb(2e-3, total_steps=1000, warmup_steps=100)
        >>> type(optimizer).__name__, optimizer.weight_decay
        ('LAMB', 0.01)

    Reference:
        You et al. 2020 (arXiv:1904.00962), section 4.1.
    """
    return LAMB(
        WarmupLinearDecay(learning_rate, total_steps, warmup_steps),
        weight_decay=weight_decay,
        epsilon=epsilon,
        global_clipnorm=global_clipnorm,
        **kwargs,
    )
