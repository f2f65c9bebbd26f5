"""Which of the packed sentences a token belongs to."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class SegmentEmbedding(keras.layers.Layer):
    """G[segment_ids]: one learned vector for each of the sentences packed in one sequence.

    Positions do not mix, so it needs no mask and passes one on unchanged.

    Args:
        num_segments: int > 0. Number of segments. BERT has 2.
        embedding_dim: int > 0. Width E of a vector.
        initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        segment_ids: int [B, S].

    Returns:
        float [B, S, E].

    Raises:
        ValueError: if a size is not positive, or (eagerly) an id is not below `num_segments`;
            InvalidArgumentError for the latter inside a graph.

    Example:
        >>> import numpy as np
        >>> SegmentEmbedding(num_segments=2, embedding_dim=4)(np.array([[0, 0, 1]])).shape
        TensorShape([1, 3, 4])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3 and figure 2.
    """

    def __init__(self, num_segments: int, embedding_dim: int, initializer=BERT_INITIALIZER, **kwargs):
        super().__init__(**kwargs)
        check_positive("SegmentEmbedding", num_segments=num_segments, embedding_dim=embedding_dim)
        self.supports_masking = True
        self.num_segments = num_segments
        self.embedding_dim = embedding_dim
        self.initializer = keras.initializers.get(initializer)

    def build(self, segment_ids_shape):
        self.segment_embeddings = self.add_weight(
            shape=(self.num_segments, self.embedding_dim), initializer=self.initializer.clone(), name="embeddings"
        )

    def call(self, segment_ids):
        segment_ids = ops.check_range(
            kops.cast(segment_ids, "int32"),
            self.num_segments,
            f"A segment id lies outside this SegmentEmbedding(num_segments={self.num_segments}).",
            "Number the segments from 0, or build with a larger `num_segments`.",
        )
        return kops.take(self.segment_embeddings, segment_ids, axis=0)

    def compute_output_shape(self, segment_ids_shape):
        return (*segment_ids_shape, self.embedding_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "embedding_dim": self.embedding_dim,
            "initializer": keras.initializers.serialize(self.initializer),
        }
