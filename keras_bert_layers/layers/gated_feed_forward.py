"""The position-wise feed-forward part with a gate."""

import keras
from keras import ops as kops

from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class GatedFeedForward(keras.layers.Layer):
    """W₂ · dropout(activation(W₁ x + b₁) ⊙ (W₃ x + b₃)) + b₂ at every position; with GELU, GEGLU.

    W₁ and W₃ are the two halves, in this order, of one `inner` kernel [H, 2 I]. Dropout stands before the outer
    projection, as in ModernBERT and T5, and not on the output. Positions do not mix, so it needs no mask and passes one
    on unchanged.

    Args:
        intermediate_dim: int > 0. Width I between the projections.
        activation: str or callable. Defaults to `"gelu"`, the exact (erf) form.
        dropout: float in [0, 1). Applied to the gated values. Defaults to 0.
        use_bias: bool. Whether there are b₁, b₂ and b₃; ModernBERT has none. Defaults to `True`.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        bias_initializer: Defaults to `"zeros"`.
        output_initializer: of W₂. Defaults to `None`: `kernel_initializer`.
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
        >>> GatedFeedForward(8, use_bias=False)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 4])

    Reference:
        Shazeer 2020, GLU Variants Improve Transformer (arXiv:2002.05202), section 2.
    """

    def __init__(
        self,
        intermediate_dim: int,
        activation="gelu",
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer=BERT_INITIALIZER,
        bias_initializer="zeros",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("GatedFeedForward", intermediate_dim=intermediate_dim)
        check_rate("GatedFeedForward", dropout=dropout)
        self.supports_masking = True
        self.supports_layout = True
        self.intermediate_dim = intermediate_dim
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.output_initializer = keras.initializers.get(output_initializer)

    def build(self, input_shape):
        self.inner = self._linear(2 * self.intermediate_dim, "inner", self.kernel_initializer)
        self.outer = self._linear(input_shape[-1], "outer", self.output_initializer or self.kernel_initializer)
        self.gated_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.intermediate_dim))

    def call(self, inputs, training=None):
        x, gate = kops.split(self.inner(inputs), 2, axis=-1)
        return self.outer(self.gated_dropout(self.activation(x) * gate, training=training))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }

    def _linear(self, units, name, kernel_initializer):
        return Linear(
            units,
            use_bias=self.use_bias,
            kernel_initializer=kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
