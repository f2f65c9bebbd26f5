"""The head that marks where an answer starts and ends."""

import keras

from keras_bert_layers import ops
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import BERT_INITIALIZER


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class SpanHead(keras.layers.Layer):
    """start[s] = w₁ x[s] + b₁, end[s] = w₂ x[s] + b₂: how well position s begins and ends the answer.

    Positions where `padding_mask` is 0 get -10,000, so that a softmax over the positions gives them nothing; an
    implicit Keras mask counts as `padding_mask` when none is given. The outputs have no mask.

    Args:
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S]; 1 = a real token. Defaults to `None`: all are real.

    Returns:
        dict: `"start"` and `"end"`, each float [B, S].

    Raises:
        ValueError: if the mask has the wrong rank.

    Example:
        >>> import numpy as np
        >>> logits = SpanHead()(np.zeros((2, 3, 4), "float32"))
        >>> logits["start"].shape, logits["end"].shape
        (TensorShape([2, 3]), TensorShape([2, 3]))

    Reference:
        Devlin et al. 2019, BERT (arXiv:1810.04805), section 4.2.
    """

    def __init__(self, kernel_initializer=BERT_INITIALIZER, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, inputs_shape):
        initializer = self.kernel_initializer.clone()
        self.logits = Linear(2, kernel_initializer=initializer, dtype=self.dtype_policy, name="logits")
        self.logits.build(inputs_shape)

    def call(self, inputs, padding_mask=None, mask=None):
        logits = ops.floor_padding(self.logits(inputs), mask if padding_mask is None else padding_mask)
        return {"start": logits[:, :, 0], "end": logits[:, :, 1]}

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape, *args, **kwargs):
        return {"start": tuple(inputs_shape[:2]), "end": tuple(inputs_shape[:2])}

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
