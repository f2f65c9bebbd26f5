"""The real tokens of a batch, for blocks that are called without padding."""

import keras
from keras import ops as kops

from keras_bert_layers import ops


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Unpad(keras.layers.Layer):
    """tokens, layout: the real tokens of a batch, [B, S, H] -> [T, H], and where each of them stood.

    For encoder blocks that are called one by one: `block(tokens, layout=layout)` computes on real tokens only, in
    attention as well as everywhere else but in its scores, and `Repad` puts the tokens back. Layers that work position
    by position take the tokens as they are; those with `supports_layout` know of both. `EncoderStack` does all of this
    by itself for the blocks in it.

    An implicit Keras mask counts as `padding_mask` when none is given; the outputs have no mask. Shapes depend on the
    data, which XLA does not take: `fit` does not choose XLA by itself for a model with this layer.

    Args:
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S]; 1 = a real token, anywhere in the row. Defaults to `None`: all are real.

    Returns:
        A pair: float [T, H], the real tokens row by row, and their `ops.Unpadding`. Of a batch of nothing but padding
        the first place is kept (T = 1), and `Repad` clears it.

    Raises:
        ValueError: if the inputs have no axis of positions, the mask has the wrong rank or another shape than the
            inputs (InvalidArgumentError inside a graph that does not know their lengths), or XLA compiles the call.

    Example:
        >>> import numpy as np
        >>> from keras_bert_layers.layers import Repad, TransformerEncoder
        >>> x, padding_mask = np.ones((2, 4, 8), "float32"), np.array([[1, 1, 1, 1], [1, 0, 0, 0]])
        >>> tokens, layout = Unpad()(x, padding_mask=padding_mask)
        >>> tokens.shape
        TensorShape([5, 8])
        >>> tokens = TransformerEncoder(intermediate_dim=16, num_heads=2)(tokens, layout=layout)
        >>> Repad()(tokens, layout).shape
        TensorShape([2, 4, 8])

    Reference:
        Zhai et al. 2022, ByteTransformer (arXiv:2210.03052), section III-C.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.supports_jit = False  # else Keras chooses XLA by itself where there is a GPU

    def call(self, inputs, padding_mask=None, mask=None):
        padding_mask = mask if padding_mask is None else padding_mask
        _check_shapes(inputs, padding_mask)
        if not ops.shapes_may_vary():
            raise ValueError(
                "Unpad makes shapes depend on the data, and shapes are static in a function that XLA compiles. Compile "
                "with jit_compile=False, use EncoderStack(unpad=None), which keeps padding where it must, or fill the "
                "rows instead: packed rows (`pack_ids`) have little padding to leave out."
            )
        if padding_mask is None:
            padding_mask = kops.ones(kops.shape(inputs)[:2], "bool")
        layout = ops.unpadding(_of_one_shape(inputs, padding_mask))
        return ops.unpad(inputs, layout), layout

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_spec(self, inputs, padding_mask=None, mask=None):
        _check_shapes(inputs, mask if padding_mask is None else padding_mask)
        batch, length, hidden_dim = inputs.shape
        places = None if None in (batch, length) else batch * length
        layout = ops.Unpadding(
            token_index=keras.KerasTensor((None,), dtype="int32"),
            row_index=keras.KerasTensor((places,), dtype="int32"),
            mask=keras.KerasTensor((batch, length), dtype="bool"),
        )
        return keras.KerasTensor((None, hidden_dim), dtype=self.compute_dtype), layout


def _of_one_shape(inputs, padding_mask):
    """The mask, after a look at sizes that are known at run time only: another length would read other tokens."""
    if None not in (*inputs.shape[:2], *padding_mask.shape):
        return padding_mask
    sizes = zip(kops.shape(inputs)[:2], kops.shape(padding_mask), strict=True)
    difference = ops.check_range(
        sum(kops.abs(one - other) for one, other in sizes),
        1,
        "`padding_mask` and the inputs have different shapes. The difference of their sizes is wrong.",
        "Pad inputs and mask to the same length.",
    )
    return kops.reshape(padding_mask, (-1, kops.shape(inputs)[1] + difference))


def _check_shapes(inputs, padding_mask):
    if len(inputs.shape) != 3:
        raise ValueError(
            "Unpad takes the real tokens out of a batch [batch, length, width]. Received inputs of rank "
            f"{len(inputs.shape)}, shape {tuple(inputs.shape)}. Call it after the embeddings, before the first block."
        )
    if padding_mask is None:
        return
    ops.check_mask_rank("padding_mask", padding_mask, 2)
    shapes = tuple(inputs.shape[:2]), tuple(padding_mask.shape)
    if any(None not in sizes and sizes[0] != sizes[1] for sizes in zip(*shapes, strict=True)):
        raise ValueError(
            f"`padding_mask` must have an entry for every position of the inputs, [batch, length] = {shapes[0]}. "
            f"Received shape {shapes[1]}. Pad inputs and mask to the same length."
        )
