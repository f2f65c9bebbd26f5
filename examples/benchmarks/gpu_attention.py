"""Whether fused attention computes what separate operations compute, on the GPU that is there. `gpu.py` runs it.

Output and all gradients, for no mask, lengths, masks of padding, of packed rows and of any pairs, rows of padding only
among them, in bfloat16 and float16; beside the same in float32, by the largest difference as a share of the largest
value. Nothing may be NaN. The separate operations in half precision stand beside it: no error can be expected to be
smaller than theirs.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    import tensorflow as tf
    from gpu_options import parse_run, write
    from gpu_tensorflow import device

    import keras_bert_layers as kbl

# Shapes [B, N, S, D]: heads of base at both lengths of pretraining, and of another size.
SHAPES = {"base": [(4, 12, 128, 64), (2, 12, 512, 64), (2, 4, 128, 32)], "tiny": [(4, 2, 8, 8)]}
DTYPES = ("bfloat16", "float16")
OUTPUTS = ("output", "query", "key", "value")


def main(options) -> tuple[dict, list]:
    rows = [
        row
        for shape in SHAPES[options.model]
        for kind, given in masks(*shape).items()
        for row in compared(shape, kind, given)
    ]
    worst = {name: max(row[name] for row in rows) for name in ("error", "error_not_fused")}
    finite = all(row["finite"] for row in rows)
    is_fused = tf.config.list_physical_devices("GPU") != [] and all(row["fused"] for row in rows)
    return {"all cases": {**worst, "finite": float(finite), "fused": float(is_fused)}}, rows


def masks(batch, heads, length, size) -> dict[str, dict]:
    """What can hide positions, by its name: the arguments of `ops.attention`."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, length + 1, batch)
    lengths[0], lengths[-1] = length, 0
    padding = np.arange(length) < lengths[:, None]
    packs = np.sort(rng.integers(1, 4, (batch, length)), axis=1) * padding
    same = (packs[:, :, None] == packs[:, None]) & padding[:, None]
    pairs = rng.random((batch, length, length)) < 0.5
    pairs[-1] = False
    return {
        "no mask": {},
        "lengths": {"lengths": tf.constant(lengths, tf.int32)},
        "padding": {"mask": tf.constant(padding[:, None, None])},
        "packed rows": {"mask": tf.constant(same[:, None])},
        "any pairs": {"mask": tf.constant(pairs[:, None])},
    }


def compared(shape, kind, given):
    rng = np.random.default_rng(1)
    q, k, v, seen = (rng.normal(size=shape).astype("float32") for _ in range(4))
    for dtype in DTYPES:
        # What is rounded on the way in is no error of the kernel.
        inputs = [tf.cast(tf.cast(x, dtype), tf.float32).numpy() for x in (q, k, v, seen)]
        expected = run("float32", False, given, *inputs)
        fused, separate = (run(dtype, choice, given, *inputs) for choice in (None, False))
        why = kbl.ops.explain_attention(shape, dtype, masked="mask" in given, compiled=True)
        errors = [max(map(error, got, expected)) for got in (fused, separate)]
        finite = all(np.isfinite(value).all() for value in fused)
        yield {
            "shape": list(shape),
            "mask": kind,
            "dtype": dtype,
            "error": errors[0],
            "error_not_fused": errors[1],
            "finite": bool(finite),
            "fused": why.startswith("fused"),
        }


def run(dtype, flash_attention, given, *inputs) -> list[np.ndarray]:
    """The output and the gradients of its product with the last input."""
    on_cpu = tf.device("CPU") if dtype == "float32" else tf.device(None)

    @tf.function(jit_compile=True, autograph=False)
    def outputs(q, k, v, seen):
        with tf.GradientTape() as tape:
            tape.watch([q, k, v])
            output = kbl.ops.attention(q, k, v, flash_attention=flash_attention, **given)
            product = tf.reduce_sum(tf.cast(output, tf.float32) * tf.cast(seen, tf.float32))
        return [output, *tape.gradient(product, [q, k, v])]

    with on_cpu:
        tensors = [tf.cast(tf.constant(x), dtype) for x in inputs]
        return [tf.cast(value, tf.float32).numpy() for value in outputs(*tensors)]


def error(got: np.ndarray, expected: np.ndarray) -> float:
    difference = float(np.max(np.abs(got - expected)))
    return difference / max(1e-6, float(np.max(np.abs(expected)))) if np.isfinite(difference) else float("inf")


if __name__ == "__main__":
    options = parse_run(__doc__)
    figures, rows = main(options)
    write(options, device(), figures, rows)
