"""Learned absolute positions."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import BERT_INITIALIZER, check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class PositionEmbedding(keras.layers.Layer):
    """P[0], P[1], … for the positions of a sequence, or P[position_ids]: one learned vector a position.

    It reads only the shape of its inputs, so it needs no mask and passes one on unchanged.

    Args:
        sequence_length: int > 0. Number of positions in the table, the longest sequence it can serve.
        initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [..., S, H]; only its shape is used.
        start_index: int. The position of the first vector. Defaults to 0.
        positions: int [B, S] or [S], used instead of counting from `start_index`. Defaults to `None`.
        position_ids: the same under this library's name for it. Defaults to `None`.

    Returns:
        float [..., S, H].

    Raises:
        ValueError: if `sequence_length` is not positive, both names of the positions are given, or (eagerly, or where
            the shape is static) a position reaches past the table; InvalidArgumentError inside a graph.

    Example:
        >>> import numpy as np
        >>> PositionEmbedding(16)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 4])

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 3; Gehring et al. 2017 (arXiv:1705.03122), section 3.1.
    """

    def __init__(self, sequence_length: int, initializer=BERT_INITIALIZER, **kwargs):
        super().__init__(**kwargs)
        check_positive("PositionEmbedding", sequence_length=sequence_length)
        self.supports_masking = True
        self.sequence_length = int(sequence_length)
        self.initializer = keras.initializers.get(initializer)

    def build(self, inputs_shape):
        self.position_embeddings = self.add_weight(
            shape=(self.sequence_length, inputs_shape[-1]), initializer=self.initializer.clone(), name="embeddings"
        )

    def call(self, inputs, start_index=0, positions=None, position_ids=None):
        if positions is not None and position_ids is not None:
            raise ValueError("`positions` and `position_ids` are two names for one argument. Give only one of them.")
        position_ids = positions if position_ids is None else position_ids
        if position_ids is None:
            position_ids = start_index + kops.arange(kops.shape(inputs)[-2], dtype="int32")
            self._check_length(inputs.shape[-2], start_index)
        position_ids = ops.check_range(
            kops.cast(position_ids, "int32"),
            self.sequence_length,
            f"A position lies outside the table of this PositionEmbedding(sequence_length={self.sequence_length}).",
            f"Shorten the input (BertPreprocessor(sequence_length={self.sequence_length})) or build with a larger "
            "table.",
        )
        return kops.broadcast_to(kops.take(self.position_embeddings, position_ids, axis=0), kops.shape(inputs))

    def compute_output_shape(self, inputs_shape, positions_shape=None, position_ids_shape=None):
        if positions_shape is None and position_ids_shape is None:
            self._check_length(inputs_shape[-2])
        return inputs_shape

    def get_config(self):
        return {
            **super().get_config(),
            "sequence_length": self.sequence_length,
            "initializer": keras.initializers.serialize(self.initializer),
        }

    def _check_length(self, length, start_index=0):
        if isinstance(length, int) and isinstance(start_index, int) and start_index + length > self.sequence_length:
            raise ValueError(
                f"The input reaches {start_index + length} positions, but this PositionEmbedding was built for "
                f"sequence_length={self.sequence_length}. Shorten the input "
                f"(BertPreprocessor(sequence_length={self.sequence_length})) or build with a larger table."
            )
