"""The tokens that were taken out of a batch, at their places again."""

import keras

from keras_bert_layers import ops
from keras_bert_layers.ops.unpadding import check_rows


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Repad(keras.layers.Layer):
    """Every token at the place that it had before `Unpad`, with zeros at padding: [T, H] -> [B, S, H].

    The output has no implicit mask: give `padding_mask` to what follows.

    Args:
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [T, H], the tokens in the order in which `Unpad` gave them; H may be another width.
        layout: `ops.Unpadding`, the second output of `Unpad`.

    Returns:
        float [B, S, H].

    Raises:
        ValueError: if the inputs are no rows of tokens, or not as many as the layout has; or if there is no layout.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers.layers import Unpad
        >>> x = np.array([[[1.0], [2.0]], [[3.0], [9.0]]], "float32")
        >>> tokens, layout = Unpad()(x, padding_mask=np.array([[1, 1], [1, 0]]))
        >>> Repad()(10 * tokens, layout)[:, :, 0].numpy().tolist()
        [[10.0, 20.0], [30.0, 0.0]]

    Reference:
        Zhai et al. 2022, ByteTransformer (arXiv:2210.03052), section III-C.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, layout):
        layout = _checked(inputs, layout)
        return ops.clear_padding(ops.repad(inputs, layout), layout.mask)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_spec(self, inputs, layout):
        layout = _checked(inputs, layout)
        return keras.KerasTensor((*layout.mask.shape, inputs.shape[-1]), dtype=self.compute_dtype)


def _checked(inputs, layout):
    if not isinstance(layout, (tuple, list)) or len(layout) != 3:
        raise ValueError(
            f"Repad needs the layout that Unpad gave with the tokens: tokens, layout = Unpad()(x, padding_mask=mask). "
            f"Received: {layout!r}."
        )
    layout = ops.Unpadding(*layout)
    check_rows(inputs, layout)
    return layout
