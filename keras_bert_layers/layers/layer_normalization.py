"""Layer normalization as BERT uses it."""

import keras

from keras_bert_layers import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class LayerNormalization(keras.layers.Layer):
    """γ (x - μ) / √(σ² + ε) + β over the last axis, in float32 whatever the dtype policy.

    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        epsilon: float > 0. Defaults to 1e-12, BERT's.
        center: bool. Whether there is a β; ModernBERT has none. Defaults to `True`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [..., H].

    Returns:
        float [..., H].

    Raises:
        ValueError: if `epsilon` is not positive.

    Example:
        >>> import numpy as np
        >>> LayerNormalization()(np.array([[1.0, 3.0]], "float32")).numpy().tolist()
        [[-1.0, 1.0]]

    Reference:
        Ba, Kiros and Hinton 2016, Layer Normalization (arXiv:1607.06450), eqs. 3 and 4.
    """

    def __init__(self, epsilon: float = 1e-12, center: bool = True, **kwargs):
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"`epsilon` of LayerNormalization must be positive; BERT's is 1e-12. Received: {epsilon}.")
        self.supports_masking = True
        self.supports_layout = True
        self.epsilon = epsilon
        self.center = center

    def build(self, input_shape):
        # autocast=False: normalization reads its weights in full precision.
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
        self.beta = None
        if self.center:
            self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, inputs):
        return ops.layer_norm(inputs, self.gamma, self.beta, self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center}
