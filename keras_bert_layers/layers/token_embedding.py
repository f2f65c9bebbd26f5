"""From token ids to vectors, and back."""

import keras

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class TokenEmbedding(keras.layers.ReversibleEmbedding):
    """E[token_ids], one learned vector a token; with `reverse=True`, the tied projection x Eᵀ onto the vocabulary.

    It is `keras.layers.ReversibleEmbedding` (with its `enable_lora`) under BERT's names, and it refuses
    ids outside the vocabulary. It makes no mask of its own and passes one on unchanged.

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

    def call(self, inputs, reverse=False):
        if not reverse:
            inputs = ops.check_range(
                inputs,
                self.vocabulary_size,
                "A token id lies outside the vocabulary of this TokenEmbedding.",
                "Tokenize with the vocabulary that the model was built for, or build it with that vocabulary's size.",
            )
        return super().call(inputs, reverse=reverse)

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        config = super().get_config()
        config["vocabulary_size"] = config.pop("input_dim")
        config["embedding_dim"] = config.pop("output_dim")
        return config
