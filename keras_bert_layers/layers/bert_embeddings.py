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
    keep_frozen,
    serialize_part,
)
from keras_bert_layers.layers.position_embedding import PositionEmbedding
from keras_bert_layers.layers.segment_embedding import SegmentEmbedding
from keras_bert_layers.layers.token_embedding import TokenEmbedding


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class BertEmbeddings(keras.layers.Layer):
    """dropout(LayerNorm(E[token_ids] + P[positions] + G[segment_ids])), the input representation of BERT.

    With `embedding_dim`, the tables have that width and a projection E -> H follows (ALBERT's factorisation). A table
    of size 0 is left out of the sum: DistilBERT has no segments, ModernBERT neither segments nor positions.
    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        vocabulary_size: int > 0. Number of tokens V.
        hidden_dim: int > 0. Width H of the output.
        max_sequence_length: int. Number of positions in the table; 0 for no table. Defaults to 512.
        num_segments: int. Number of segments in the table; 0 for no table. Defaults to 2.
        embedding_dim: int > 0. Width E of the tables. Defaults to `None`: `hidden_dim`, without a projection.
        dropout: float in [0, 1). Applied after the normalization. Defaults to 0.
        layer_norm_epsilon: float > 0. Defaults to 1e-12.
        embeddings_initializer: of the tables and the projection. Defaults to a normal of 0.02 truncated at two
            deviations.
        token_embedding, position_embedding, segment_embedding, norm: layers to use instead of the standard parts.
            Default to `None`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        token_ids: int [B, S].
        segment_ids: int [B, S]. Defaults to `None`: all zeros.
        position_ids: int [B, S]. Defaults to `None`: 0, 1, 2, …
        training: bool. Whether dropout is active.

    Returns:
        float [B, S, H].

    Raises:
        ValueError: if a size is negative or (of tokens and width) zero, a rate not in [0, 1), ids are given for a table
            that is left out, or an id is out of range (InvalidArgumentError for the latter inside a graph).

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
        norm: keras.layers.Layer | None = None,
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
        self.position_embedding, self.segment_embedding = position_embedding, segment_embedding
        if position_embedding is None and max_sequence_length != 0:
            self.position_embedding = PositionEmbedding(max_sequence_length, name="position_embedding", **tables)
        if segment_embedding is None and num_segments != 0:
            self.segment_embedding = SegmentEmbedding(num_segments, width, name="segment_embedding", **tables)
        self._injected_norm = norm
        self.norm = norm or LayerNormalization(layer_norm_epsilon, name="norm", **standard)
        self.output_dropout = keras.layers.Dropout(dropout, name="dropout", **standard)
        self.projection = None
        if embedding_dim is not None:
            initializer = self.embeddings_initializer.clone()
            self.projection = Linear(hidden_dim, kernel_initializer=initializer, name="projection", **standard)

    def build(self, token_ids_shape, segment_ids_shape=None, position_ids_shape=None):
        build_parts(token_ids_shape, self.token_embedding, self.segment_embedding)
        build_parts(self._embedded_shape(token_ids_shape), self.position_embedding, self.norm, self.projection)
        keep_frozen(self)

    def call(self, token_ids, segment_ids=None, position_ids=None, training=None):
        self._check_tables(segment_ids=segment_ids, position_ids=position_ids)
        tokens = x = self.token_embedding(token_ids)
        if self.position_embedding is not None:
            x = x + self.position_embedding(tokens, position_ids=position_ids)
        if self.segment_embedding is not None:
            x = x + self.segment_embedding(kops.zeros_like(token_ids) if segment_ids is None else segment_ids)
        x = self.output_dropout(self.norm(x), training=training)
        return x if self.projection is None else self.projection(x)

    def compute_output_shape(self, token_ids_shape, segment_ids_shape=None, position_ids_shape=None):
        if position_ids_shape is None and self.position_embedding is not None:
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
            "norm": serialize_part(self._injected_norm),
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(
            deserialize_parts(config, "token_embedding", "position_embedding", "segment_embedding", "norm")
        )

    def _check_tables(self, **ids):
        absent = {"segment_ids": self.segment_embedding is None, "position_ids": self.position_embedding is None}
        for name, value in ids.items():
            if value is not None and absent[name]:
                size = {"segment_ids": "num_segments", "position_ids": "max_sequence_length"}[name]
                raise ValueError(
                    f"`{name}` were given to BertEmbeddings({size}=0), which has no table for them. Leave them out, or "
                    f"build it with a positive `{size}`."
                )

    def _embedded_shape(self, token_ids_shape):
        return (*token_ids_shape, self.embedding_dim or self.hidden_dim)
