"""From token ids to vectors, and back."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive
from keras_bert_layers.layers.quantized import holds_int8, keras_quantizes, release_variable
from keras_bert_layers.ops.tracing import is_recorded


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """E[token_ids], one learned vector a token; with `reverse=True`, the tied projection x Eᵀ onto the vocabulary.

    It is `keras.layers.ReversibleEmbedding` (with its `enable_lora`) under BERT's names, and it refuses
    ids outside the vocabulary. It makes no mask of its own and passes one on unchanged. After
    `quantize("int8")`, each vector is kept in eight bits, with a step of its own.

    Args:
        vocabulary_size: int > 0. Number of tokens V.
        embedding_dim: int > 0. Width E of a vector.
        tie_weights: bool. Whether `reverse=True` uses the transposed embeddings or a matrix of its own. Defaults to
            `True`.
        embeddings_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.ReversibleEmbedding`.

    Call arguments:
        inputs: int [..., S] token ids; with `reverse=True`, float [..., E].
        reverse: bool. Whether to project back onto the vocabulary. Defaults to `False`.

    Returns:
        float [..., S, E]; with `reverse=True`, float [..., V].

    Raises:
        ValueError: if a size is not positive, or (eagerly) an id lies outside the vocabulary;
            InvalidArgumentError for the latter inside a graph.

    Example:
        >>> import numpy as np
        >>> embedding = TokenEmbedding(vocabulary_size=10, embedding_dim=4)
        >>> vectors = embedding(np.array([[1, 2, 3]]))
        >>> vectors.shape, embedding(vectors, reverse=True).shape
        (TensorShape([1, 3, 4]), TensorShape([1, 3, 10]))

    Reference:
        Press and Wolf 2017, Using the Output Embedding to Improve Language Models (arXiv:1608.05859).
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        tie_weights: bool = True,
        embeddings_initializer=BERT_INITIALIZER,
        **kwargs,
    ):
        check_positive("TokenEmbedding", vocabulary_size=vocabulary_size, embedding_dim=embedding_dim)
        initializer = keras.initializers.get(embeddings_initializer).clone()
        super().__init__(vocabulary_size, embedding_dim, tie_weights, initializer, **kwargs)
        # Left at None, Keras would multiply by the float32 matrix under a mixed policy.
        self.reverse_dtype = self.reverse_dtype or self.compute_dtype
        self.supports_masking = True

    @property
    def vocabulary_size(self) -> int:
        return self.input_dim

    @property
    def embedding_dim(self) -> int:
        return self.output_dim

    @property
    def embeddings(self):
        """E; of eight bits, the numbers that these stand for."""
        if self.quantization_mode != "int8" or self.lora_enabled:
            return super().embeddings
        return kops.cast(self._embeddings, self.embeddings_scale.dtype) / kops.expand_dims(self.embeddings_scale, -1)

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(self._checked(inputs))
        if not self.tie_weights or self.logit_soft_cap is not None:
            return super().call(inputs, reverse=True)
        inputs, embeddings = (kops.cast(each, self.reverse_dtype) for each in (inputs, self.embeddings))
        return ops.vocabulary_scores(inputs, embeddings)

    def quantize(self, mode=None, type_check=True, config=None):
        # Keras refuses subclasses, whose products may be others than its own.
        super().quantize(mode, type_check and type(self) is not TokenEmbedding, config)

    def __delattr__(self, name):
        release_variable(self, name)
        super().__delattr__(name)

    def load_own_variables(self, store):
        if self.quantization_mode is None and holds_int8(store):
            self.quantize("int8")
        super().load_own_variables(store)

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        config = super().get_config()
        config["vocabulary_size"] = config.pop("input_dim")
        config["embedding_dim"] = config.pop("output_dim")
        return config

    def _int8_call(self, inputs, reverse=False):
        if not reverse:
            return super()._int8_call(self._checked(inputs))
        if is_recorded() or self.lora_enabled or self.logit_soft_cap is not None or keras_quantizes(self):
            return super()._int8_call(inputs, reverse=True)
        if self.tie_weights:
            return ops.quantized_linear(inputs, self._embeddings, 1 / self.embeddings_scale, transposed=True)
        return ops.quantized_linear(inputs, self.reverse_embeddings, 1 / self.reverse_embeddings_scale)

    def _checked(self, inputs):
        return ops.check_range(
            inputs,
            self.vocabulary_size,
            "A token id lies outside the vocabulary of this TokenEmbedding.",
            "Tokenize with the vocabulary that the model was built for, or build it with that vocabulary's size.",
        )
