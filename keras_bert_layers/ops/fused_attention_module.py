"""cuDNN's fused attention as StableHLO text: XLA inside TensorFlow has it, and no function of TensorFlow calls it.

A module takes queries, keys and values as a projection leaves them, [B, S, N, D]. What the calls are named, what they
take in which order and with which layouts is what jax.nn.dot_product_attention(implementation="cudnn") hands to the
same compiler.
"""

import json
import math
from typing import NamedTuple

_ELEMENTS = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}
# Batch axes of what cuDNN multiplies: of tensors [B, S, N, D], and of scores [B, N, S, S].
_HEADS, _SCORES = (0, 2), (0, 1)
# Each product by its axes: batch and summed axis of the left factor, then of the right one.
_FORWARD = {
    "bmm1": (_HEADS, 3, _HEADS, 3),  # Q Kᵀ
    "bmm2": (_SCORES, 3, _HEADS, 1),  # P V
}
_BACKWARD = {
    "bmm1_grad_gemm1": (_SCORES, 2, _HEADS, 1),  # dSᵀ Q
    "bmm1_grad_gemm2": (_SCORES, 3, _HEADS, 1),  # dS K
    "bmm2_grad_gemm1": (_SCORES, 2, _HEADS, 1),  # Pᵀ dO
    "bmm2_grad_gemm2": (_HEADS, 3, _HEADS, 3),  # dO Vᵀ
}


class _Value(NamedTuple):
    """A tensor of a module: its name, its shape, and its element type as StableHLO spells it."""

    name: str
    shape: tuple[int, ...]
    element: str

    @property
    def type(self) -> str:
        return f"tensor<{'x'.join([*map(str, self.shape), self.element])}>"

    def layout(self, heads_first: bool = False) -> str:
        """The axes from the fastest to the slowest; [B, N, S, D] with `heads_first` lies in memory as [B, S, N, D]."""
        axes = [3, 1, 2, 0] if heads_first else list(range(len(self.shape)))[::-1]
        return f"dense<{axes if len(axes) > 1 else 0}> : tensor<{len(axes)}xindex>"


def forward_module(
    shape: tuple[int, int, int, int], dtype: str, bias_shape: tuple[int, ...] | None = None, lengths: bool = False
) -> str:
    """O = softmax(Q Kᵀ / √D + bias) V and its statistic, the logarithm of the sum of the exponentiated scores.

    Args:
        shape: of queries, keys and values, (B, S, N, D).
        dtype: name of their type.
        bias_shape: of the bias, (B or 1, N or 1, S, S). Defaults to none.
        lengths: whether positions from a length on are padding, at the end of each row.

    Returns:
        text of a module: query, key, value, [bias], [lengths int32 [B]] -> O [B, S, N, D], statistic float32 [B, N, S].
    """
    batch, length, heads, _ = shape
    operands = [_Value(name, shape, _ELEMENTS[dtype]) for name in ("query", "key", "value")]
    operands += _bias(bias_shape, dtype) + _lengths(batch, lengths)
    results = [
        _Value("output", _heads_first(shape), _ELEMENTS[dtype]),
        _Value("statistic", (batch, heads, length), "f32"),
    ]
    config = _config(shape, dtype, lengths, _FORWARD)
    return _module(_target(bias_shape), operands, results, config)


def backward_module(
    shape: tuple[int, int, int, int], dtype: str, bias_shape: tuple[int, ...] | None = None, lengths: bool = False
) -> str:
    """The gradients of `forward_module`'s O, but for the bias, which is a mask and has none.

    Args:
        shape, dtype, bias_shape, lengths: those of the forward module.

    Returns:
        text of a module: query, key, value, statistic, dO, [bias], O, [lengths] -> dQ, dK, dV, each [B, S, N, D].
    """
    batch, length, heads, _ = shape
    element = _ELEMENTS[dtype]
    operands = [_Value(name, shape, element) for name in ("query", "key", "value")]
    operands += [_Value("statistic", (batch, heads, length), "f32"), _Value("d_output", shape, element)]
    operands += [*_bias(bias_shape, dtype), _Value("output", shape, element), *_lengths(batch, lengths)]
    results = [_Value(name, _heads_first(shape), element) for name in ("d_query", "d_key", "d_value")]
    config = _config(shape, dtype, lengths, _BACKWARD)
    return _module(_target(bias_shape) + "Backward", operands, results, config)


def _target(bias_shape):
    return f"__cudnn$fmha{'' if bias_shape is None else 'ScaleBias'}Softmax"


def _bias(bias_shape, dtype):
    return [] if bias_shape is None else [_Value("bias", tuple(bias_shape), _ELEMENTS[dtype])]


def _lengths(batch, lengths):
    """Those of the queries and those of the keys: the same."""
    return [_Value("lengths", (batch,), "i32")] * 2 if lengths else []


def _heads_first(shape):
    batch, length, heads, size = shape
    return batch, heads, length, size


def _module(target, operands, results, config):
    # The real size of the workspace is known when cuDNN has chosen a kernel; XLA then puts it in.
    outputs = [*results, _Value("workspace", (0,), "ui8")]
    layouts = [value.layout() for value in operands], [value.layout(len(value.shape) == 4) for value in outputs]
    transpositions, returned = [], []
    for i, value in enumerate(results):
        if len(value.shape) < 4:
            returned.append((f"%call#{i}", value.type))
            continue
        lengths_first = value._replace(shape=_heads_first(value.shape))
        returned.append((f"%{value.name}", lengths_first.type))
        transpositions.append(
            f"    %{value.name} = stablehlo.transpose %call#{i}, dims = [0, 2, 1, 3]"
            f" : ({value.type}) -> {lengths_first.type}"
        )
    # The lengths stand twice in the call.
    arguments = dict.fromkeys(operands)
    types = ", ".join(type for _, type in returned)
    escaped = json.dumps(config).replace('"', r"\22")
    return "\n".join(
        [
            "module {",
            f"  func.func public @main({', '.join(f'%{v.name}: {v.type}' for v in arguments)}) -> ({types}) {{",
            f"    %call:{len(outputs)} = stablehlo.custom_call @{target}({', '.join(f'%{v.name}' for v in operands)})"
            f' {{api_version = 2 : i32, backend_config = "{escaped}",'
            f" operand_layouts = [{', '.join(layouts[0])}], result_layouts = [{', '.join(layouts[1])}]}}"
            f" : ({', '.join(v.type for v in operands)}) -> ({', '.join(v.type for v in outputs)})",
            *transpositions,
            f"    return {', '.join(name for name, _ in returned)} : {types}",
            "  }",
            "}",
        ]
    )


def _config(shape, dtype, lengths, products):
    batch, length, heads, size = shape
    scores = [batch, heads, length, length]
    return {
        "operation_queue_id": "0",
        "cudnn_fmha_backend_config": {
            "algorithm": {
                "algo_id": "0",
                "math_type": "TENSOR_OP_MATH",
                "tuning_knobs": {"17": "1", "24": "0"},
                "is_cudnn_frontend": True,
                "workspace_size": "0",
            },
            "fmha_scale": 1 / math.sqrt(size),
            "intermediate_tensor_shape": {
                "element_type": _ELEMENTS[dtype].upper(),
                "dimensions": [str(axis) for axis in scores],
                "layout": {"minor_to_major": ["3", "2", "1", "0"]},
                "is_dynamic_dimension": [False] * 4,
            },
            "is_flash_attention": True,
            "mask_type": "PADDING" if lengths else "NO_MASK",
            **{f"{name}_dot_dimension_numbers": _product(*axes) for name, axes in products.items()},
            # Without dropout there is no use for its seed.
            "dropout_rate": 0.0,
            "seed": 0,
            "sliding_window_length": 0,
            "max_seg_per_batch": 1,
            "is_paged_attention": False,
        },
    }


def _product(left_batch, left_summed, right_batch, right_summed):
    return {
        "lhs_contracting_dimensions": [str(left_summed)],
        "rhs_contracting_dimensions": [str(right_summed)],
        "lhs_batch_dimensions": [str(axis) for axis in left_batch],
        "rhs_batch_dimensions": [str(axis) for axis in right_batch],
    }
