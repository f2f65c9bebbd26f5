"""One block of the encoder."""

import functools

import keras

from keras_bert_layers import ops
from keras_bert_layers.layers.feed_forward import FeedForward
from keras_bert_layers.layers.layer_normalization import LayerNormalization
from keras_bert_layers.layers.parts import (
    BERT_INITIALIZER,
    build_parts,
    deserialize_parts,
    serialize_part,
    with_kept_mask,
)
from keras_bert_layers.layers.self_attention import SelfAttention

_PARTS = ("attention", "feed_forward", "attention_norm", "feed_forward_norm")


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class TransformerEncoder(keras.layers.Layer):
    """y = LayerNorm(x + attention(x)); z = LayerNorm(y + feed_forward(y)), one encoder block.

    With `normalize_first`, y = x + attention(LayerNorm(x)); z = y + feed_forward(LayerNorm(y)) (pre-norm: put a
    LayerNormalization after the last block). Masks go to the attention; an implicit Keras mask counts as `padding_mask`
    when none is given, and is passed on. It takes the arguments of keras-hub's layer of this name; the defaults are
    BERT's, where keras-hub has `activation="relu"`, `layer_norm_epsilon=1e-5`, `kernel_initializer="glorot_uniform"`.

    Args:
        intermediate_dim: int > 0. Width between the two projections of the feed-forward part.
        num_heads: int > 0. Number of attention heads; it must divide the width H.
        dropout: float in [0, 1). On both parts' outputs and on the attention probabilities. Defaults to 0.
        activation: str or callable, of the feed-forward part. Defaults to `"gelu"`, the exact (erf) form.
        layer_norm_epsilon: float > 0. Defaults to 1e-12.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        bias_initializer: Defaults to `"zeros"`.
        normalize_first: bool. Pre-norm instead of BERT's post-norm. Defaults to `False`.
        attention: layer to use instead of `SelfAttention(num_heads, ...)`: called with the inputs, `padding_mask`,
            `attention_mask`, `pack_ids`, `training`, and `position_ids` and `head_mask` if there are any. Defaults to
            `None`.
        feed_forward: layer to use instead of `FeedForward(intermediate_dim, ...)`. Defaults to `None`.
        attention_norm, feed_forward_norm: layers to use instead of `LayerNormalization(layer_norm_epsilon)`;
            `keras.layers.Identity()` for none. Default to `None`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S]; 1 = a real token. Defaults to `None`: all are real.
        attention_mask: int or bool [B, S, S]; 1 = query i may attend to key j. Defaults to `None`.
        training: bool. Whether dropout is active.
        return_attention_scores: bool. For users of keras-hub: return a pair, the output and the attention
            probabilities. New code calls `attention_weights`. Defaults to `False`.
        pack_ids: int [B, S]; the packed sequence a position belongs to, 0 = padding. Defaults to `None`.
        position_ids: int [B, S], for an attention with rotary positions. Defaults to `None`.
        head_mask: float [B, N]; the factor of each head's output, see `SelfAttention`. Defaults to `None`.
        layout: `ops.Unpadding`, as `Unpad` gives it; the inputs are then [T, H], the real tokens only, and so is the
            output; its mask counts as `padding_mask` when none is given. For parts that have `supports_layout`.
            Defaults to `None`: [B, S, H].
        keep_first: int > 0. Only the first so many positions have an output, that of `call(...)[:, :keep_first]`; the
            others are keys and values. For parts that have `supports_keep_first`. Defaults to `None`: every position.

    Returns:
        float [B, S, H], or [B, Q, H] with Q = min(`keep_first`, S); from `attention_weights`, float32 [B, N, S, S].

    Raises:
        ValueError: if neither a number nor a layer is given for a part, or a part refuses its arguments.

    Example:
        >>> import numpy as np
        >>> block = TransformerEncoder(intermediate_dim=8, num_heads=2)
        >>> block(np.zeros((1, 3, 4), "float32"), padding_mask=np.array([[1, 1, 0]])).shape
        TensorShape([1, 3, 4])

    Reference:
        Vaswani et al. 2017, Attention Is All You Need (arXiv:1706.03762), section 3.1; pre-norm: Xiong et al. 2020
        (arXiv:2002.04745), table 1.
    """

    def __init__(
        self,
        intermediate_dim: int | None = None,
        num_heads: int | None = None,
        dropout: float = 0.0,
        activation="gelu",
        layer_norm_epsilon: float = 1e-12,
        kernel_initializer=BERT_INITIALIZER,
        bias_initializer="zeros",
        normalize_first: bool = False,
        attention: keras.layers.Layer | None = None,
        feed_forward: keras.layers.Layer | None = None,
        attention_norm: keras.layers.Layer | None = None,
        feed_forward_norm: keras.layers.Layer | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if (attention is None and num_heads is None) or (feed_forward is None and intermediate_dim is None):
            raise ValueError(
                "TransformerEncoder needs `num_heads` or an `attention` layer, and `intermediate_dim` or a "
                f"`feed_forward` layer. Received: num_heads={num_heads}, attention={attention}, "
                f"intermediate_dim={intermediate_dim}, feed_forward={feed_forward}."
            )
        self.supports_masking = True
        self.intermediate_dim = intermediate_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.normalize_first = normalize_first

        self._injected = dict(zip(_PARTS, (attention, feed_forward, attention_norm, feed_forward_norm), strict=True))
        standard = {"dropout": dropout, "dtype": self.dtype_policy}
        initializers = {"kernel_initializer": self.kernel_initializer, "bias_initializer": self.bias_initializer}
        self.attention = attention or SelfAttention(
            num_heads, attention_dropout=dropout, name="attention", **standard, **initializers
        )
        self.feed_forward = feed_forward or FeedForward(
            intermediate_dim, self.activation, name="feed_forward", **standard, **initializers
        )
        self.attention_norm = attention_norm or LayerNormalization(
            layer_norm_epsilon, dtype=self.dtype_policy, name="attention_norm"
        )
        self.feed_forward_norm = feed_forward_norm or LayerNormalization(
            layer_norm_epsilon, dtype=self.dtype_policy, name="feed_forward_norm"
        )

    def build(self, inputs_shape):
        build_parts(inputs_shape, self.attention, self.attention_norm, self.feed_forward, self.feed_forward_norm)

    def call(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        pack_ids=None,
        position_ids=None,
        mask=None,
        head_mask=None,
        layout=None,
        keep_first=None,
    ):
        if padding_mask is None:
            padding_mask = mask if layout is None else ops.Unpadding(*layout).mask
        masks = {
            "padding_mask": padding_mask,
            "attention_mask": attention_mask,
            "pack_ids": pack_ids,
            # An attention of another kind need not know of positions, nor of heads, nor of layouts.
            **({} if position_ids is None else {"position_ids": position_ids}),
        }
        others = {"head_mask": head_mask, "layout": layout, "keep_first": keep_first}
        others = {name: value for name, value in others.items() if value is not None}
        attention = functools.partial(self.attention, **masks, **others, training=training)
        feed_forward = functools.partial(self.feed_forward, training=training)
        kept = inputs if keep_first is None else ops.first_positions(inputs, keep_first, layout)
        if self.normalize_first:
            x = kept + attention(self.attention_norm(inputs))
            x = x + feed_forward(self.feed_forward_norm(x))
        else:
            x = self.attention_norm(kept + attention(inputs))
            x = self.feed_forward_norm(x + feed_forward(x))
        x = with_kept_mask(x, mask, keep_first)
        return (x, self.attention_weights(ops.repad(inputs, layout), **masks)) if return_attention_scores else x

    @property
    def supports_layout(self) -> bool:
        """Whether all parts work on [T, H] as well."""
        parts = (self.attention, self.feed_forward, self.attention_norm, self.feed_forward_norm)
        return all(map(_works_by_position, parts))

    @property
    def supports_keep_first(self) -> bool:
        """Whether the attention can, and all other parts work position by position."""
        parts = (self.feed_forward, self.attention_norm, self.feed_forward_norm)
        return getattr(self.attention, "supports_keep_first", False) and all(map(_works_by_position, parts))

    def attention_weights(self, inputs, padding_mask=None, attention_mask=None, pack_ids=None, position_ids=None):
        """The attention probabilities of this block without dropout, float32 [B, N, S, S]."""
        x = self.attention_norm(inputs) if self.normalize_first else inputs
        positions = {} if position_ids is None else {"position_ids": position_ids}
        return self.attention.attention_weights(x, padding_mask, attention_mask, pack_ids, **positions)

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "normalize_first": self.normalize_first,
            **{name: serialize_part(part) for name, part in self._injected.items()},
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(deserialize_parts(config, *_PARTS))


def _works_by_position(part):
    return getattr(part, "supports_layout", isinstance(part, keras.layers.Identity))
