"""Local attention: which keys stand near enough to each query."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.parts import check_positive


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class SlidingWindow(keras.layers.Layer):
    """allowed[i, j] = |i - j| ≤ ⌊w / 2⌋: an attention mask in which each query sees its neighbours only.

    Give it to `SelfAttention(window=)`, or its output to any layer as `attention_mask`. Packed rows need nothing more
    than their `pack_ids`: a distance inside a sequence is the same in the row. It reads only the shape of its inputs,
    so it needs no mask; the output has none.

    Args:
        window_size: int > 0. The window w: ⌊w / 2⌋ positions on either side, besides the query itself (ModernBERT's
            128 is 64 on either side).
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: [B, S, ...]; only its shape is used.

    Returns:
        bool [B, S, S]; True where query i (row) may attend to key j.

    Raises:
        ValueError: if `window_size` is not positive.

    Example:
        >>> import numpy as np
        >>> SlidingWindow(2)(np.zeros((1, 4, 8)))[0].numpy().astype(int)
        array([[1, 1, 0, 0],
               [1, 1, 1, 0],
               [0, 1, 1, 1],
               [0, 0, 1, 1]])

    Reference:
        Beltagy et al. 2020, Longformer (arXiv:2004.05150), section 3.1; Warner et al. 2024, ModernBERT
        (arXiv:2412.13663), section 2.1.2.
    """

    def __init__(self, window_size: int, **kwargs):
        super().__init__(**kwargs)
        check_positive("SlidingWindow", window_size=window_size)
        self.supports_masking = True
        self.window_size = window_size

    def call(self, inputs):
        batch, length = kops.shape(inputs)[:2]
        return kops.broadcast_to(ops.sliding_window(length, self.window_size), (batch, length, length))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:2], inputs.shape[1]), dtype="bool")

    def get_config(self):
        return {**super().get_config(), "window_size": self.window_size}
