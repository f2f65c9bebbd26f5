"""Adam's step in one pass over a weight, for optimizers to inherit from before Keras' own."""

import keras
import tensorflow as tf
from keras import ops


class FusedAdam:
    """Makes `keras.optimizers.Adam` and its kin compute their step by TensorFlow's one kernel for it.

    m ← m + (1 - β₁)(g - m), v ← v + (1 - β₂)(g² - v), w ← w - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε): Keras writes a
    dozen operations, each of which reads and writes a whole matrix; the kernel reads and writes each once. Weights,
    slots and settings are Keras' own, so that checkpoints do not change.

    Gradients of embedding tables are made dense first. A global norm then counts a token that stands twice in a batch
    as the sum of its gradients, which it is; over slices of the table Keras adds up their squares one by one.

    Reference:
        Kingma and Ba 2015, Adam (arXiv:1412.6980), section 2 at its end.
    """

    def apply(self, grads, trainable_variables=None):
        super().apply([_dense(gradient) for gradient in grads], trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or keras.backend.backend() != "tensorflow":
            return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        scalars = [ops.cast(x, variable.dtype) for x in (self.beta_1, self.beta_2, learning_rate, self.epsilon)]
        step = ops.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2, rate, epsilon = scalars
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=ops.power(beta_1, step),
            beta2_power=ops.power(beta_2, step),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=ops.cast(gradient, variable.dtype),
        )


def _dense(gradient):
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient
