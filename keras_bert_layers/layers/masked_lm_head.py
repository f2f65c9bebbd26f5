"""The head that predicts masked tokens."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.layer_normalization import LayerNormalization
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import (
    BERT_INITIALIZER,
    build_parts,
    check_positive,
    deserialize_parts,
    serialize_part,
)
from keras_bert_layers.layers.token_embedding import TokenEmbedding


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class MaskedLMHead(keras.layers.Layer):
    """E · LayerNorm(activation(W x + b)) + c at the masked positions only: a score for every token of the vocabulary.

    E is the matrix of `token_embedding` (tied), or a matrix of its own. A negative position is padding: it reads no
    token, gets the scores c, and sends no gradient further back than c; where shapes may depend on the data, it is
    not multiplied by E either. The output has no mask. A tied head stays tied in `.keras` files;
    `keras.models.clone_model`, which clones one layer at a time, unties it.

    Args:
        vocabulary_size: int > 0. Number of tokens V; needed when no `token_embedding` is given.
        token_embedding: the TokenEmbedding (or `keras.layers.ReversibleEmbedding`) to tie to. Defaults to `None`.
        intermediate_activation: str or callable, of the transform. Defaults to `"gelu"`, the exact (erf) form.
        activation: str or callable, of the scores. Defaults to `None`: logits.
        layer_norm_epsilon: float > 0. Defaults to 1e-12.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        bias_initializer: Defaults to `"zeros"`.
        use_bias: bool. Whether the transform has the bias b; ModernBERT's has none. Defaults to `True`.
        use_output_bias: bool. Whether the scores have the bias c. Defaults to `True`.
        norm: layer to use instead of `LayerNormalization(layer_norm_epsilon)`. Defaults to `None`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        mask_positions: int [B, M]; the positions to predict, padded with -1.

    Returns:
        float [B, M, V].

    Raises:
        ValueError: if neither or conflicting sizes are given, or a position reaches past the sequence
            (InvalidArgumentError for the latter inside a graph).

    Example:
        >>> import numpy as np
        >>> head = MaskedLMHead(vocabulary_size=10)
        >>> head(np.zeros((1, 5, 4), "float32"), mask_positions=np.array([[1, 3, -1]])).shape
        TensorShape([1, 3, 10])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3.1; tying: Press and Wolf 2017 (arXiv:1608.05859).
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        token_embedding: keras.layers.Layer | None = None,
        intermediate_activation="gelu",
        activation=None,
        layer_norm_epsilon: float = 1e-12,
        kernel_initializer=BERT_INITIALIZER,
        bias_initializer="zeros",
        use_bias: bool = True,
        use_output_bias: bool = True,
        norm: keras.layers.Layer | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if token_embedding is None and vocabulary_size is None:
            raise ValueError(
                "MaskedLMHead needs `token_embedding`, to share its matrix, or `vocabulary_size`, for one of its own. "
                "Received neither."
            )
        if vocabulary_size is not None:
            check_positive("MaskedLMHead", vocabulary_size=vocabulary_size)
        if token_embedding is not None and vocabulary_size not in (None, token_embedding.input_dim):
            raise ValueError(
                f"`vocabulary_size` must be that of `token_embedding`, {token_embedding.input_dim}, or be left out. "
                f"Received: {vocabulary_size}."
            )
        self.vocabulary_size = vocabulary_size
        self.intermediate_activation = keras.activations.get(intermediate_activation)
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.use_bias = use_bias
        self.use_output_bias = use_output_bias
        self._injected_norm = norm
        self.token_embedding = token_embedding
        self.supports_masking = True

    def build(self, inputs_shape, mask_positions_shape=None):
        hidden_dim = inputs_shape[-1]
        if self.token_embedding is None:
            self.output_embedding = TokenEmbedding(
                self.vocabulary_size,
                hidden_dim,
                embeddings_initializer=self.kernel_initializer,
                dtype=self.dtype_policy,
                name="output_embedding",
            )
        else:
            self.output_embedding = self.token_embedding
        build_parts((None, None), self.output_embedding)
        embedding_dim = self.output_embedding.output_dim
        self.transform = Linear(
            embedding_dim,
            activation=self.intermediate_activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name="transform",
        )
        self.transform.build((None, None, hidden_dim))
        self.norm = self._injected_norm or LayerNormalization(
            self.layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
        )
        build_parts((None, None, embedding_dim), self.norm)
        self.output_bias = None
        if self.use_output_bias:
            self.output_bias = self.add_weight(
                shape=(self.output_embedding.input_dim,), initializer=self.bias_initializer.clone(), name="output_bias"
            )

    def call(self, inputs, mask_positions):
        x, real = ops.gather_positions(inputs, mask_positions), mask_positions >= 0
        layout = ops.unpadding(real) if self._drops_padding(inputs, mask_positions) else None
        x = self.norm(self.transform(ops.unpad(x, layout)))
        if layout is None:
            # Without this, the gradient of the norm at a constant vector, up to 1/√ε, would come from padding.
            x = kops.where(kops.expand_dims(real, -1), x, kops.zeros_like(x))
        logits = kops.cast(self.output_embedding(x, reverse=True), self.compute_dtype)
        if layout is not None:
            logits = ops.clear_padding(ops.repad(logits, layout), real)
        return self.activation(logits if self.output_bias is None else logits + self.output_bias)

    def _drops_padding(self, inputs, mask_positions):
        """Whether the products are over real predictions only: copies of the scores cost less than those of padding."""
        symbolic = any(isinstance(tensor, keras.KerasTensor) for tensor in (inputs, mask_positions))
        return not symbolic and getattr(self.norm, "supports_layout", False) and ops.shapes_may_vary(mask_positions)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape, mask_positions_shape):
        vocabulary_size = self.vocabulary_size or self.token_embedding.input_dim
        return (*mask_positions_shape, vocabulary_size)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "token_embedding": serialize_part(self.token_embedding),
            "intermediate_activation": keras.activations.serialize(self.intermediate_activation),
            "activation": keras.activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "use_bias": self.use_bias,
            "use_output_bias": self.use_output_bias,
            "norm": serialize_part(self._injected_norm),
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(deserialize_parts(config, "token_embedding", "norm"))
