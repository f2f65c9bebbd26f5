"""The part of an encoder block in which positions look at each other."""

import functools

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.linear import Linear
from keras_bert_layers.layers.parts import (
    BERT_INITIALIZER,
    build_parts,
    check_positive,
    check_rate,
    deserialize_parts,
    kept_shape,
    serialize_part,
    with_kept_mask,
)


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class SelfAttention(keras.layers.Layer):
    """dropout(W_o · concat(head₁ … head_N) + b_o), head_n = softmax(Q_n K_nᵀ / √D) V_n, with Q, K, V = W x + b.

    A position attends only to those that every given mask allows; an implicit Keras mask counts as `padding_mask` when
    none is given, and is passed on. The softmax is taken in float32 whatever the dtype policy. A position that may
    attend to nothing gets b_o, never NaN. `attention_weights(...)` takes the same arguments and returns the
    probabilities.

    Args:
        num_heads: int > 0. Number of heads N; without `head_dim`, it must divide the width H.
        dropout: float in [0, 1). Applied to the output. Defaults to 0.
        attention_dropout: float in [0, 1). Applied to the attention probabilities. Defaults to 0.
        kernel_initializer: Defaults to a normal of 0.02 truncated at two deviations.
        bias_initializer: Defaults to `"zeros"`.
        use_bias: bool. Whether the four projections have biases; ModernBERT's have none. Defaults to `True`.
        output_initializer: of the kernel W_o. Defaults to `None`: `kernel_initializer`.
        rotary: layer that turns queries and keys by their positions, such as `RotaryEmbedding`: called with
            [B, S, N, D] and `positions`. Defaults to `None`.
        window: layer that says which key each query may attend to, such as `SlidingWindow`: called with the inputs,
            it gives int or bool [B or 1, S, S]. Defaults to `None`: every key.
        head_dim: int > 0. Size D of a head, where it is not H / N: a layer from which heads were removed has fewer of
            the old size. Defaults to `None`: H / N.
        flash_attention: bool. Whether one kernel of cuDNN computes the attention, without its probabilities in memory:
            `True` for that or an error that says why not, `False` for never. Defaults to `None`: wherever
            `ops.explain_attention` finds nothing against it, until `keras.config.disable_flash_attention()` is called.
        right_padded: bool. A promise that padding stands at the end of every row. Where `padding_mask` is the only
            mask, padding is then skipped, which the kernel does faster than masking; padded positions attend to
            nothing. Defaults to `False`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float [B, S, H].
        padding_mask: int or bool [B, S]; 1 = a real token. Defaults to `None`: all are real.
        attention_mask: int or bool [B, S, S]; 1 = query i may attend to key j. Defaults to `None`.
        pack_ids: int [B, S]; the packed sequence a position belongs to, 0 = padding. Defaults to `None`.
        position_ids: int [B, S], for `rotary`. Defaults to `None`: 0, 1, 2, …, also in packed rows, whose sequences
            only need their distances.
        head_mask: float [B, N]; the factor of each head's output: 1 leaves it as it is, 0 takes the head away, and the
            derivative at 1 says what the head is worth. Defaults to `None`: 1.
        layout: `ops.Unpadding`, as `Unpad` gives it; the inputs are then [T, H], the real tokens only, and so is the
            output. Only scores and weights are computed with padding in them, under the mask of the layout if there is
            no `padding_mask`. Defaults to `None`: [B, S, H].
        keep_first: int > 0. Only the first so many positions look at all, and have an output: that of
            `call(...)[:, :keep_first]`, without the work for the others, which is then too little for cuDNN's kernel.
            Defaults to `None`: every position.
        training: bool. Whether dropout is active.

    Returns:
        float [B, S, H], or [B, Q, H] with Q = min(`keep_first`, S); from `attention_weights`, float32 [B, N, S, S].

    Raises:
        ValueError: if `num_heads` does not divide the width, a mask has the wrong rank, tokens [T, H] come without
            their `layout`, `position_ids` are given without a `rotary` part, or `attention_weights` gets a symbolic
            tensor; if `flash_attention=True` where it cannot be; or if a real token stands after padding in spite of
            `right_padded` (in a graph an InvalidArgumentError; in a compiled function, which has no assertions, the row
            becomes NaN); or if `keep_first` is not a positive integer.

    Example:
        >>> import numpy as np
        >>> attention = SelfAttention(num_heads=2)
        >>> x, padding_mask = np.ones((1, 3, 4), "float32"), np.array([[1, 1, 0]])
        >>> attention(x, padding_mask=padding_mask).shape
        TensorShape([1, 3, 4])
        >>> attention.attention_weights(x, padding_mask=padding_mask)[0, 0, 0].numpy().tolist()
        [0.5, 0.5, 0.0]

    Reference:
        Vaswani et al. 2017, Attention Is All You Need (arXiv:1706.03762), section 3.2; with `rotary`: Su et al. 2021,
        RoFormer (arXiv:2104.09864), eq. 16.
    """

    def __init__(
        self,
        num_heads: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        kernel_initializer=BERT_INITIALIZER,
        bias_initializer="zeros",
        use_bias: bool = True,
        output_initializer=None,
        rotary: keras.layers.Layer | None = None,
        window: keras.layers.Layer | None = None,
        head_dim: int | None = None,
        flash_attention: bool | None = None,
        right_padded: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_positive("SelfAttention", num_heads=num_heads, **({} if head_dim is None else {"head_dim": head_dim}))
        check_rate("SelfAttention", dropout=dropout, attention_dropout=attention_dropout)
        self.supports_masking = True
        self.supports_layout = True
        self.supports_keep_first = True
        self.num_heads = num_heads
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.use_bias = use_bias
        self.output_initializer = keras.initializers.get(output_initializer)
        self.rotary = rotary
        self.window = window
        self.head_dim = head_dim
        self.flash_attention = flash_attention
        self.right_padded = right_padded

    def build(self, inputs_shape):
        hidden_dim = inputs_shape[-1]
        if self.head_dim is None and hidden_dim % self.num_heads:
            raise ValueError(
                f"`num_heads` must divide the width of the input, so that every head has the same size. Received "
                f"num_heads={self.num_heads} and an input of width {hidden_dim}. Choose a divisor of {hidden_dim}, or "
                f"a `hidden_dim` that is a multiple of {self.num_heads}; or set `head_dim`, the size of a head."
            )
        head_dim = self.head_dim or hidden_dim // self.num_heads
        heads_dim = self.num_heads * head_dim
        build_parts((*inputs_shape[:-1], self.num_heads, head_dim), self.rotary)
        build_parts(inputs_shape, self.window)
        self.query, self.key, self.value = (
            self._linear(inputs_shape, heads_dim, name, self.kernel_initializer) for name in ("query", "key", "value")
        )
        self.output_projection = self._linear(
            (*inputs_shape[:-1], heads_dim), hidden_dim, "output", self.output_initializer or self.kernel_initializer
        )
        self.weights_dropout = keras.layers.Dropout(self.attention_dropout, dtype="float32", name="attention_dropout")
        self.output_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="dropout")

    def call(
        self,
        inputs,
        padding_mask=None,
        attention_mask=None,
        pack_ids=None,
        position_ids=None,
        mask=None,
        training=None,
        head_mask=None,
        layout=None,
        keep_first=None,
    ):
        _check_axes(inputs, layout)
        if padding_mask is None:
            padding_mask = mask if layout is None else ops.Unpadding(*layout).mask
        query, key = self._queries_and_keys(inputs, position_ids, layout, keep_first)
        value = self._heads(self.value, inputs, layout)
        # The fused form takes no dropout, and one that does nothing should not keep it away.
        drops = training and self.attention_dropout > 0
        context = ops.attention(
            query,
            key,
            value,
            dropout=functools.partial(self.weights_dropout, training=training) if drops else None,
            flash_attention=self.flash_attention if keep_first is None else False,
            **self._masks(ops.repad(inputs, layout), padding_mask, attention_mask, pack_ids, keep_first),
        )
        if head_mask is not None:
            context = context * kops.cast(head_mask, context.dtype)[:, :, None, None]
        context = ops.unpad(ops.merge_heads(context), layout if keep_first is None else None)
        outputs = self.output_dropout(self.output_projection(context), training=training)
        return with_kept_mask(outputs, mask, keep_first)

    def attention_weights(self, inputs, padding_mask=None, attention_mask=None, pack_ids=None, position_ids=None):
        """The attention probabilities without dropout, float32 [B, N, S, S]: what each query (row) attends to."""
        if isinstance(inputs, keras.KerasTensor):
            raise ValueError(
                "`attention_weights` takes values, and received a symbolic tensor. Inside a functional model, call a "
                "TransformerEncoder with return_attention_scores=True."
            )
        if not self.built:
            self.build(inputs.shape)
        if padding_mask is None:
            padding_mask = getattr(inputs, "_keras_mask", None)
        query, key = self._queries_and_keys(inputs, position_ids)
        return ops.attention_weights(query, key, self._allowed(inputs, padding_mask, attention_mask, pack_ids))

    def compute_output_shape(self, inputs_shape, *args, **kwargs):
        return inputs_shape

    def compute_output_spec(self, inputs, *args, keep_first=None, **kwargs):
        return keras.KerasTensor(kept_shape(inputs.shape, keep_first), self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "use_bias": self.use_bias,
            "output_initializer": keras.initializers.serialize(self.output_initializer),
            "rotary": serialize_part(self.rotary),
            "window": serialize_part(self.window),
            "head_dim": self.head_dim,
            "flash_attention": self.flash_attention,
            "right_padded": self.right_padded,
        }

    @classmethod
    def from_config(cls, config):
        return super().from_config(deserialize_parts(config, "rotary", "window"))

    def _queries_and_keys(self, inputs, position_ids, layout=None, keep_first=None):
        if self.rotary is None and position_ids is not None:
            raise ValueError(
                "`position_ids` were given to a SelfAttention without a `rotary` part, which has no use for them. "
                "Build it with rotary=RotaryEmbedding(), or give them to the embeddings."
            )
        key = self._heads(self.key, inputs, layout, self._rotation(position_ids))
        if keep_first is not None:
            inputs, layout = ops.first_positions(inputs, keep_first, layout), None
            position_ids = None if position_ids is None else position_ids[..., :keep_first]
        return self._heads(self.query, inputs, layout, self._rotation(position_ids)), key

    def _rotation(self, position_ids):
        return None if self.rotary is None else functools.partial(self.rotary, positions=position_ids)

    def _heads(self, projection, inputs, layout, rotate=None):
        return ops.split_heads(projection(inputs), self.num_heads, rotate, layout)

    def _masks(self, inputs, padding_mask, attention_mask, pack_ids, keep_first):
        only_padding = attention_mask is None and pack_ids is None and self.window is None
        if self.right_padded and only_padding and padding_mask is not None:
            return {"lengths": ops.row_lengths(padding_mask)}
        allowed = self._allowed(inputs, padding_mask, attention_mask, pack_ids)
        return {"mask": allowed if allowed is None or keep_first is None else allowed[:, :, :keep_first]}

    def _allowed(self, inputs, padding_mask, attention_mask, pack_ids):
        window = None if self.window is None else self.window(inputs)
        return ops.attention_mask(padding_mask, attention_mask, pack_ids, window)

    def _linear(self, inputs_shape, units, name, kernel_initializer):
        layer = Linear(
            units,
            use_bias=self.use_bias,
            kernel_initializer=kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            dtype=self.dtype_policy,
            name=name,
        )
        layer.build(inputs_shape)
        return layer


def _check_axes(inputs, layout):
    if layout is None and len(inputs.shape) == 2:
        raise ValueError(
            f"Attention needs a batch [batch, length, width]. Received inputs of rank 2, shape {tuple(inputs.shape)}. "
            "If these are the tokens that Unpad took out of a batch, give their `layout` as well."
        )
