"""What a BERT encoder reads: the sum of three embeddings, normalized."""

import keras
from keras import ops as kops

from keras_bert_layers.layers.layer_normalization import LayerNormalization
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import (
    BERT_INITIALIZER,
    build_parts,
    check_positive,
    check_rate,
    deserialize_parts,
    serialize_part,
)
from keras_bert_layers.layers.position_embedding import PositionEmbedding
from keras_bert_layers.layers.segment_embedding import SegmentEmbedding
from keras_bert_layers.layers.token_embedding import TokenEmbedding


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class BertEmbeddings(keras.layers.Layer):
    """dropout(LayerNorm(E[token_ids] + P[positions] + G[segment_ids])), the input representation of BERT.

    With `embedding_dim`, the tables have that width and a projection E -> H follows (ALBERT's factorisation).
    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        vocabulary_size: int > 0. Number of tokens V.
        hidden_dim: int > 0. Width H of the output.
        max_sequence_length: int > 0. Number of positions in the table. Defaults to 512.
        num_segments: int > 0. Defaults to 2.
        embedding_dim: int > 0. Width E of the tables. Defaults to `None`: `hidden_dim`, without a projection.
        dropout: float in [0, 1). Applied after the normalization. Defaults to 0.
        layer_norm_epsilon: float > 0. Defaults to 1e-12.
        embeddings_initializer: of the tables and the projection. Defaults to a normal of 0.02 truncated at two
            deviations.
        token_embedding, position_embedding, segment_embedding: layers to use instead of the standard parts. Default to
            `None`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        token_ids: int [B, S].
        segment_ids: int [B, S]. Defaults to `None`: all zeros.
        position_ids: int [B, S]. Defaults to `None`: 0, 1, 2, …
        training: bool. Whether dropout is active.

    Returns:
        float [B, S, H].

    Raises:
        ValueError: if a size is not positive, a rate not in [0, 1), or an id out of range (InvalidArgumentError inside
            a graph).

    Example:
        >>> import numpy as np
        >>> embeddings = BertEmbeddings(vocabulary_size=10, hidden_dim=4, max_sequence_length=8)
        >>> embeddings(np.array([[1, 2, 3]]), segment_ids=np.array([[0, 0, 1]])).shape
        TensorShape([1, 3, 4])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), figure 2; Lan et al. 2020, ALBERT (arXiv:1909.11942), section 3.1.
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        embedding_dim: int | None = None,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-12,
        embeddings_initializer=BERT_INITIALIZER,
        token_embedding: keras.layers.Layer | None = None,
        position_embedding: keras.layers.Layer | None = None,
        segment_embedding: keras.layers.Layer | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("BertEmbeddings", vocabulary_size=vocabulary_size, hidden_dim=hidden_dim)
        if embedding_dim is not None:
            check_positive("BertEmbeddings", embedding_dim=embedding_dim)
        check_rate("BertEmbeddings", dropout=dropout)
        self.supports_masking = True
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

        width = self._embedded_shape(())[-1]
        standard = {"dtype": self.dtype_policy}
        tables = {"initializer": self.embeddings_initializer, **standard}
        self.token_embedding = token_embedding or TokenEmbedding(
            vocabulary_size,
            width,
            embeddings_initializer=self.embeddings_initializer,
            name="token_embedding",
            **standard,
        )
        self.position_embedding = position_embedding or PositionEmbedding(
            max_sequence_length, name="position_embedding", **tables
        )
        self.segment_embedding = segment_embedding or SegmentEmbedding(
            num_segments, width, name="segment_embedding", **tables
        )
        self.norm = LayerNormalization(layer_norm_epsilon, name="norm", **standard)
        self.output_dropout = keras.layers.Dropout(dropout, name="dropout", **standard)
        self.projection = None
        if embedding_dim is not None:
            initializer = self.embeddings_initializer.clone()
            self.projection = Linear(hidden_dim, kernel_initializer=initializer, name="projection", **standard)

    def build(self, token_ids_shape, segment_ids_shape=None, position_ids_shape=None):
        build_parts(token_ids_shape, self.token_embedding, self.segment_embedding)
        build_parts(self._embedded_shape(token_ids_shape), self.position_embedding, self.norm)
        if self.projection is not None:
            build_parts(self._embedded_shape(token_ids_shape), self.projection)

    def call(self, token_ids, segment_ids=None, position_ids=None, training=None):
        if segment_ids is None:
            segment_ids = kops.zeros_like(token_ids)
        tokens = self.token_embedding(token_ids)
        x = tokens + self.position_embedding(tokens, position_ids=position_ids) + self.segment_embedding(segment_ids)
        x = self.output_dropout(self.norm(x), training=training)
        return x if self.projection is None else self.projection(x)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None, position_ids_shape=None):
        if position_ids_shape is None:
            # It refuses what is too long.
            self.position_embedding.compute_output_shape(self._embedded_shape(token_ids_shape))
        return (*token_ids_shape, self.hidden_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "hidden_dim": self.hidden_dim,
            "max_sequence_length": self.max_sequence_length,
            "num_segments": self.num_segments,
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
            # Always written out: a head that is tied to the token embedding finds it here after loading.
            "token_embedding": serialize_part(self.token_embedding),
            "position_embedding": serialize_part(self.position_embedding),
            "segment_embedding": serialize_part(self.segment_embedding),
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(
            deserialize_parts(config, "token_embedding", "position_embedding", "segment_embedding")
        )

    def _embedded_shape(self, token_ids_shape):
        return (*token_ids_shape, self.embedding_dim or self.hidden_dim)
