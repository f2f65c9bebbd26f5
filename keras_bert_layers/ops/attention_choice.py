"""Where attention runs in one kernel, and why it does not elsewhere."""

import functools
from collections.abc import Iterator, Sequence

import keras

_DTYPES = ("bfloat16", "float16")
_AMPERE, _HOPPER = (8, 0), (9, 0)


def explain_attention(
    shape: Sequence[int | None], dtype: str, masked: bool = False, dropout: bool = False, compiled: bool | None = None
) -> str:
    """Says whether `attention` of such tensors is fused here, and every reason if it is not.

    Fused, it is one kernel of cuDNN, which keeps no scores in memory. It takes a function that XLA compiles, a CUDA
    GPU of compute capability 8.0 or later, half precision, known sizes, and no dropout on the probabilities.

    Args:
        shape: of the queries, (B, N, S, D); None for a size that is not known when a function is traced.
        dtype: of queries, keys and values.
        masked: whether there is a mask. Defaults to `False`.
        dropout: whether dropout acts on the probabilities, in training with a rate above 0. Defaults to `False`.
        compiled: whether to answer for a function that XLA compiles. Defaults to `None`: for where it is called.

    Returns:
        text that begins with "fused" or with "not fused", then a line for each reason: what came, and what to do.

    Example:
        >>> print(explain_attention((8, 12, 128, 64), "float32", compiled=True).splitlines()[0])
        not fused: softmax(QKᵀ/√D) V runs as separate operations, because
    """
    obstacles = list(fusion_obstacles(shape, dtype, masked, dropout, compiled))
    if not obstacles:
        return "fused: one kernel of cuDNN computes softmax(QKᵀ/√D) V, another one its gradients"
    return "\n- ".join(["not fused: softmax(QKᵀ/√D) V runs as separate operations, because", *obstacles])


def takes_fused_form(query, key, value, mask, dropout, flash_attention: bool | None) -> bool:
    """Whether `attention` takes the fused form; a ValueError where that is asked for and cannot be."""
    if flash_attention is False:
        return False
    # What most calls are, eager ones, should cost next to nothing.
    if flash_attention is None and not (_is_compiled() and keras.config.is_flash_attention_enabled() is not False):
        return False
    shape, dtype = tuple(query.shape), keras.backend.standardize_dtype(query.dtype)
    others = tuple(key.shape), tuple(value.shape)
    device = getattr(query, "device", "") or ""
    obstacles = fusion_obstacles(shape, dtype, mask is not None, dropout is not None, None, others, device)
    if flash_attention is None:
        return next(obstacles, None) is None
    obstacles = list(obstacles)
    if obstacles and not _only_shapes_are_asked_for():
        raise ValueError(
            "\n- ".join(["flash_attention=True asks for fused attention, which cannot be here:", *obstacles])
        )
    return not obstacles


def fusion_obstacles(
    shape: Sequence[int | None],
    dtype: str,
    masked: bool = False,
    dropout: bool = False,
    compiled: bool | None = None,
    others: Sequence[tuple] = (),
    device: str = "",
) -> Iterator[str]:
    """What keeps attention from being fused, each with its remedy; the cheapest to find out comes first.

    Args:
        shape, dtype, masked, dropout, compiled: as in `explain_attention`.
        others: shapes of keys and values.
        device: name of the device that the queries are placed on. Defaults to that of the surrounding scope.
    """
    if keras.backend.backend() != "tensorflow":
        yield f"the backend of Keras is {keras.backend.backend()}, and this is a kernel for tensorflow"
        return
    if not (_is_compiled() if compiled is None else compiled):
        yield "no function that XLA compiles surrounds it: compile the model with jit_compile=True"
    elif "CPU" in (device or _device_of_scope()).upper():
        yield "the function is placed on a CPU: take it out of that device scope"
    capability = _compute_capability()
    if capability is None:
        yield "TensorFlow sees no CUDA GPU: tf.config.list_physical_devices('GPU') should name one"
    elif capability < _AMPERE:
        yield f"the GPU has compute capability {_dotted(capability)}, and the kernel needs 8.0 (Ampere) or later"
    if dtype not in _DTYPES:
        yield (
            f"the dtype is {dtype}, and the kernel takes bfloat16 and float16: "
            'build the model after keras.config.set_dtype_policy("mixed_bfloat16")'
        )
    yield from _obstacles_in_shape(tuple(shape), masked, others, capability or _HOPPER)
    if dropout:
        yield (
            "dropout acts on the probabilities, and the kernel would drop the same ones in every step: "
            "build with attention_dropout=0"
        )


def _obstacles_in_shape(shape, masked, others, capability):
    if None in shape:
        yield (
            f"the shape {shape} has sizes that are not known when the function is traced: give inputs of fixed "
            "length, and batches of one size (drop_remainder=True)"
        )
    if any(other != shape for other in others):
        yield f"queries {shape}, keys {others[0]} and values {others[1]} differ in shape: the kernel is called for one"
    length, size = shape[-2:]
    largest = 256 if capability >= _HOPPER else 128
    if size is not None and (size % 8 or size > largest):
        yield (
            f"a head has the size {size}, and the kernel takes multiples of 8 up to {largest} on this GPU: "
            "choose another num_heads or head_dim"
        )
    if masked and length is not None and length % 2:
        yield f"a mask covers {length} positions, and the kernel takes masks of even length: pad to {length + 1}"


def _is_compiled() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    if tf.executing_eagerly():
        return False
    return control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def _device_of_scope() -> str:
    from tensorflow.python.eager import context

    return context.context().device_name or ""


@functools.cache
def _compute_capability() -> tuple[int, int] | None:
    """The least of all visible CUDA GPUs; None if there is none."""
    import tensorflow as tf

    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.get_visible_devices("GPU")]
    return min((found["compute_capability"] for found in details if "compute_capability" in found), default=None)


def _dotted(capability) -> str:
    return ".".join(map(str, capability))


def _only_shapes_are_asked_for() -> bool:
    """Whether Keras runs the layer for the shape of its output, as in the making of a functional model."""
    from keras.src.backend.common.symbolic_scope import in_symbolic_scope

    return in_symbolic_scope()
