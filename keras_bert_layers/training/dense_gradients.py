"""What optimizers of this library do with gradients before a step, for them to inherit from before Keras' own."""

import keras
import tensorflow as tf
from keras import ops


class DenseGradients:
    """Makes the gradients of embedding tables dense, and clips all by their global norm in one pass less.

    g ← g · c / max(‖g‖, c), with c the `global_clipnorm` and ‖g‖ over all weights, NaN where it is not finite. A token
    that stands twice in a batch counts as the sum of its gradients, which it is; over slices of the table Keras adds up
    their squares one by one. Keras also writes the squares of all gradients down before it sums them.

    Reference:
        Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks (arXiv:1211.5063),
        algorithm 1.
    """

    def apply(self, grads, trainable_variables=None):
        super().apply([_dense(gradient) for gradient in grads], trainable_variables)

    def _clip_gradients(self, grads):
        if self.clipnorm or not self.global_clipnorm or keras.backend.backend() != "tensorflow":
            return super()._clip_gradients(grads)
        norm = ops.sqrt(2.0 * tf.add_n([_half_square_sum(gradient) for gradient in grads if gradient is not None]))
        scale = self.global_clipnorm / ops.maximum(norm, self.global_clipnorm) + (norm - norm)
        return [gradient if gradient is None else gradient * ops.cast(scale, gradient.dtype) for gradient in grads]


def _dense(gradient):
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _half_square_sum(gradient):
    # In float32: the squares of a matrix in half precision do not sum up.
    return tf.nn.l2_loss(ops.cast(gradient, "float32"))
