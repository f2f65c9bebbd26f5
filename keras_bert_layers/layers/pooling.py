"""One vector for a whole sequence, without weights."""

import keras

from keras_bert_layers import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Pooling(keras.layers.Layer):
    """The first, the mean or the maximum of the vectors of the real tokens.

    Positions where `padding_mask` is 0 take no part; an implicit Keras mask counts as `padding_mask` when none is
    given. The output has no mask. A row that is padding only gives zeros (mean and max).

    Args:
        mode: `"cls"` (the first position), `"mean"` or `"max"`. Defaults to `"mean"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S]; 1 = a real token. Defaults to `None`: all are real.

    Returns:
        float [B, H].

    Raises:
        ValueError: if `mode` is unknown or the mask has the wrong rank.

    Example:
        >>> import numpy as np
        >>> x = np.array([[[1.0], [3.0], [9.0]]], "float32")
        >>> Pooling("mean")(x, padding_mask=np.array([[1, 1, 0]])).numpy().tolist()
        [[2.0]]

    Reference:
        Reimers and Gurevych 2019, Sentence-BERT (arXiv:1908.10084), section 3.
    """

    MODES = ("cls", "mean", "max")

    def __init__(self, mode: str = "mean", **kwargs):
        super().__init__(**kwargs)
        if mode not in self.MODES:
            raise ValueError(f"`mode` of Pooling must be one of {', '.join(self.MODES)}. Received: {mode!r}.")
        self.supports_masking = True
        self.mode = mode

    def call(self, inputs, padding_mask=None, mask=None):
        return ops.pool(inputs, mask if padding_mask is None else padding_mask, self.mode)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, inputs_shape, *args, **kwargs):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
