"""An end to what a model without a table of positions would compute without end."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class LengthLimit(keras.layers.Layer):
    """Passes a sequence on unchanged, and refuses one that is longer than the model was trained for.

    A table of positions has an end; rotary positions have none, and past their training they only get worse. Positions
    do not mix, so it needs no mask and passes one on unchanged.

    Args:
        max_sequence_length: int > 0. The longest sequence.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: [B, S, ...] of any dtype, such as token ids.

    Returns:
        The inputs.

    Raises:
        ValueError: if `max_sequence_length` is not positive or (eagerly, or where the shape is static) the sequence is
            longer; InvalidArgumentError for the latter inside a graph.

    Example:
        >>> import numpy as np
        >>> LengthLimit(4)(np.array([[5, 6, 7]])).shape
        TensorShape([1, 3])
    """

    def __init__(self, max_sequence_length: int, **kwargs):
        super().__init__(**kwargs)
        check_positive("LengthLimit", max_sequence_length=max_sequence_length)
        self.supports_masking = True
        self.max_sequence_length = max_sequence_length

    def call(self, inputs):
        length = inputs.shape[1]
        self._check(length)
        if isinstance(length, int):
            return inputs
        problem, remedy = self._words()
        length = ops.check_range(kops.shape(inputs)[1], self.max_sequence_length + 1, problem, remedy)
        return inputs[:, :length]

    def compute_output_spec(self, inputs):
        self._check(inputs.shape[1])
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "max_sequence_length": self.max_sequence_length}

    def _check(self, length):
        if isinstance(length, int) and length > self.max_sequence_length:
            problem, remedy = self._words()
            raise ValueError(f"{problem} Received a sequence of {length} positions. {remedy}")

    def _words(self):
        limit = self.max_sequence_length
        return (
            f"A sequence is longer than the max_sequence_length={limit} that this model was made for.",
            f"Shorten the input (BertPreprocessor(sequence_length={limit})) or build the model with a larger "
            "max_sequence_length: no weight depends on it, only what the model was trained for.",
        )
