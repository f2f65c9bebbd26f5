"""The position-wise feed-forward part of an encoder block."""

import keras

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class FeedForward(keras.layers.Layer):
    """dropout(W₂ · activation(W₁ x + b₁) + b₂) at every position (Vaswani et al. 2017, eq. 2).

    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        intermediate_dim: int > 0. Width between the two projections.
        activation: str or callable. Defaults to `"gelu"`, the exact (erf) form BERT was trained with.
        dropout: float in [0, 1). Applied to the output. Defaults to 0.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        bias_initializer: Defaults to `"zeros"`.
        use_bias: bool. Whether there are b₁ and b₂. Defaults to `True`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [..., H].
        training: bool. Whether dropout is active.

    Returns:
        float [..., H].

    Raises:
        ValueError: if `intermediate_dim` is not positive or `dropout` not in [0, 1).

    Example:
        >>> import numpy as np
        >>> FeedForward(8)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 4])

    Reference:
        Vaswani et al. 2017, Attention Is All You Need (arXiv:1706.03762), section 3.3;
        Hendrycks and Gimpel 2016, Gaussian Error Linear Units (arXiv:1606.08415).
    """

    def __init__(
        self,
        intermediate_dim: int,
        activation="gelu",
        dropout: float = 0.0,
        kernel_initializer=BERT_INITIALIZER,
        bias_initializer="zeros",
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("FeedForward", intermediate_dim=intermediate_dim)
        check_rate("FeedForward", dropout=dropout)
        self.supports_masking = True
        self.supports_layout = True
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.use_bias = use_bias

    def build(self, input_shape):
        self.inner = self._linear(self.intermediate_dim, "inner", activation=self.activation)
        self.outer = self._linear(input_shape[-1], "outer")
        self.output_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, inputs, training=None):
        return self.output_dropout(self.outer(self.inner(inputs)), training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "use_bias": self.use_bias,
        }

    def _linear(self, units, name, activation=None):
        # Keras refuses one initializer instance for two weights: each projection draws its own.
        return Linear(
            units,
            activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
