"""Activations that are computed again for the gradient instead of kept (Chen et al. 2016, arXiv:1604.06174)."""

from collections.abc import Callable, Sequence

import keras

from keras_bert_layers.ops.tracing import shapes_may_vary


def recompute(function: Callable, inputs: Sequence, constants: Sequence = ()):
    """function(*inputs, *constants), of which only these are kept for the gradient: it runs once more on the way back.

    What it computes is unchanged, and so are the gradients, if the function gives the same twice: it must draw no
    random numbers from a state that moves on, and change no variable. In a graph, what follows from weights or random
    states alone is not computed, and so not held, before the first of the inputs is there.

    Args:
        function: of tensors, to one float tensor.
        inputs: float tensors; whatever is to get a gradient is among them.
        constants: tensors that get none, such as the seeds of random numbers. Defaults to none.

    Returns:
        float tensor, what `function` returns.

    Raises:
        NotImplementedError: on other backends than TensorFlow, which have their own `jax.checkpoint` and
            `torch.utils.checkpoint`.

    Reference:
        Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost (arXiv:1604.06174), section 4.
    """
    if keras.backend.backend() != "tensorflow":
        raise NotImplementedError(
            "Recomputation of activations is written for Keras on TensorFlow. Received the backend "
            f"{keras.backend.backend()!r}: use that one's own checkpointing of activations there."
        )
    import tensorflow as tf
    from tensorflow.python.eager import record

    @tf.custom_gradient
    def forward(*inputs):
        with record.stop_recording():
            outputs = function(*_not_before(inputs[:1], (*inputs, *constants)))

        def gradient(upstream):
            again = _not_before([upstream], (*inputs, *constants))
            with tf.GradientTape() as tape:
                watched = again[: len(inputs)]
                tape.watch(watched)
                repeated = function(*again)
            zeros = tf.UnconnectedGradients.ZERO
            gradients = tape.gradient(repeated, watched, upstream, unconnected_gradients=zeros)
            # Or gradients of weights are left for the end of the step, and hold what they are computed from until then.
            return _not_before(gradients, gradients)

        return outputs, gradient

    return forward(*inputs)


def _not_before(signals, tensors):
    """The tensors, to be used once all `signals` are there: else the first run would be kept to save the second."""
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    if tf.executing_eagerly():
        return list(tensors)
    if not shapes_may_vary():
        # XLA does not keep to control dependencies.
        return list(xla.optimization_barrier(*signals, *tensors)[len(signals) :])
    with tf.control_dependencies(signals):
        return [tf.identity(tensor) for tensor in tensors]
