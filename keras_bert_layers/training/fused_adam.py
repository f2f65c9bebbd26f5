"""Adam's step in one pass over a weight, for optimizers to inherit from before Keras' own."""

import keras
import tensorflow as tf
from keras import ops

from keras_bert_layers.training.dense_gradients import DenseGradients


class FusedAdam(DenseGradients):
    """Makes `keras.optimizers.Adam` and its kin take the paper's step, by TensorFlow's one kernel for it.

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ), w ← w - η m̂ / (√v̂ + ε).

    Keras adds ε to √v in place of √v̂, which in the first steps is thirty times as much, and small gradients hardly
    count: 1e-6 cost 20 points of accuracy in two epochs of fine-tuning. It also writes a dozen operations, each of
    which reads and writes a whole matrix; the kernel reads and writes each once. Weights, slots and settings are
    Keras' own, so that checkpoints do not change. With `amsgrad`, all is as in Keras.

    Reference:
        Kingma and Ba 2015, Adam (arXiv:1412.6980), algorithm 1, and section 2 at its end.
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        slots = self._momentums[index], self._velocities[index]
        gradient = ops.cast(gradient, variable.dtype)
        beta_1, beta_2, rate = (ops.cast(x, variable.dtype) for x in (self.beta_1, self.beta_2, learning_rate))
        step = ops.cast(self.iterations + 1, variable.dtype)
        powers = ops.power(beta_1, step), ops.power(beta_2, step)
        # ε of √v̂ as one of √v.
        epsilon = ops.cast(self.epsilon, variable.dtype) * ops.sqrt(1 - powers[1])
        if keras.backend.backend() == "tensorflow":
            return _kernel(variable, slots, gradient, rate, (beta_1, beta_2), powers, epsilon)
        mean, square = slots
        self.assign_add(mean, (gradient - mean) * (1 - beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - beta_2))
        rate = rate * ops.sqrt(1 - powers[1]) / (1 - powers[0])
        return self.assign_sub(variable, rate * mean / (ops.sqrt(square) + epsilon))


def _kernel(variable, slots, gradient, rate, betas, powers, epsilon):
    return tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=slots[0].value.handle,
        v=slots[1].value.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=rate,
        beta1=betas[0],
        beta2=betas[1],
        epsilon=epsilon,
        grad=gradient,
    )
