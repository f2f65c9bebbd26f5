"""Attention in one kernel of cuDNN, forward and backward, without the scores in memory (Dao 2023, FlashAttention-2)."""

from keras import ops

from keras_bert_layers.ops.fused_attention_module import backward_module, forward_module

# Of the calling convention of modules, in TensorFlow 2.21 the newest.
_VERSION = 10


def fused_attention(query, key, value, mask=None, lengths=None):
    """softmax(Q Kᵀ / √D) V by cuDNN, inside of functions that XLA compiles for a CUDA GPU.

    `attention` calls it where it can run; `explain_attention` says where. The operands of the kernel are [B, S, N, D],
    what a projection puts out: the transposition here and that of `split_heads` cancel in the compiler.

    Args:
        query, key, value: bfloat16 or float16 [B, N, S, D], of known sizes.
        mask: bool, broadcastable to [B, N, S, S]; True where a query may attend. It goes in as a bias, which serves
            any mask, that of packed rows too. Defaults to none.
        lengths: int32 [B]. Positions from there on are padding; the kernel skips them. Defaults to none.

    Returns:
        float [B, N, S, D]. A query with nothing to attend to, or past the length of its row, gets zeros, and no
        gradient comes from there.

    Reference:
        Dao 2023, FlashAttention-2 (arXiv:2307.08691), section 3.1.
    """
    query, key, value = (ops.transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    bias = real = None
    if mask is not None:
        mask = _over_pairs(mask, query.shape[1])
        bias = ops.where(mask, 0.0, _floor(query.dtype))
        bias = ops.cast(bias, query.dtype)
        real = ops.transpose(ops.any(mask, axis=-1, keepdims=True), (0, 2, 1, 3))
    if lengths is not None:
        lengths = ops.cast(lengths, "int32")
        real = ops.arange(query.shape[1], dtype="int32")[None, :, None, None] < lengths[:, None, None, None]
        # A softmax over no keys would be NaN; what the first key gives instead is cleared afterwards.
        lengths = ops.maximum(lengths, 1)
    return ops.transpose(_with_gradient(bias, lengths, real)(query, key, value), (0, 2, 1, 3))


def _with_gradient(bias, lengths, real):
    """The function of query, key and value, each [B, S, N, D]; `real`: of queries, broadcastable to them."""
    biases = [] if bias is None else [bias]
    ends = [] if lengths is None else [lengths]

    @ops.custom_gradient
    def attend(query, key, value):
        shape, dtype = tuple(query.shape), ops.dtype(query)
        form = shape, dtype, None if bias is None else tuple(bias.shape), lengths is not None
        batch, length, heads, _ = shape
        output, statistic = _call_module(
            forward_module(*form),
            [query, key, value, *biases, *ends],
            [(dtype, shape), ("float32", (batch, heads, length))],
        )
        # The kernel leaves open what stands at padding, and zero times NaN is NaN: cleared on every way.
        output = _cleared(output, real)

        def gradient(upstream):
            operands = [query, key, value, statistic, _cleared(upstream, real), *biases, output, *ends]
            gradients = _call_module(backward_module(*form), operands, [(dtype, shape)] * 3)
            return tuple(x if lengths is None else _cleared(x, real) for x in gradients)

        return output, gradient

    return attend


def _over_pairs(mask, length):
    """[B or 1, N or 1, S, S] of any mask that can be broadcast to [B, N, S, S]."""
    shape = (1,) * (4 - len(mask.shape)) + tuple(mask.shape)
    return ops.broadcast_to(ops.reshape(mask, shape), (*shape[:2], length, length))


def _floor(dtype):
    """What is added to masked scores: cuDNN takes no infinity, and no number near the end of the type's range."""
    return -(2.0**15) if dtype == "float16" else -(2.0**41)


def _cleared(x, real):
    return x if real is None else ops.where(real, x, ops.zeros_like(x))


def _call_module(module, operands, results):
    """The results of a StableHLO module for CUDA: a list of tensors, of the types and shapes in `results`."""
    from tensorflow.compiler.tf2xla.python import xla

    types, shapes = zip(*results, strict=True)
    return xla.call_module(
        operands, version=_VERSION, module=module, Tout=list(types), Sout=list(shapes), platforms=["CUDA"]
    )
