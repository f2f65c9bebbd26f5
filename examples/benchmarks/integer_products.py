"""How long a product of integers of eight bits takes beside one in float32 and in bfloat16.

    python examples/benchmarks/integer_products.py [--rows 744] [--repeats 12]

Products of BERT's and MiniLM's shapes with bias (and GELU where the output is the wider side), on one thread and with
inputs that change: the forms take turns, and the best of the repeats counts. It prints milliseconds and how many times
as fast as float32 each is. Fifteen seconds on a quiet core.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_bert_layers as kbl
    import keras_bert_layers.ops

SHAPES = ((768, 3072), (3072, 768), (768, 768), (384, 1536), (1536, 384), (384, 384))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=744, help="positions at once")
    parser.add_argument("--repeats", type=int, default=12, help="of which the best counts")
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"integers: {kbl.ops.runs_in_integers()}")
    for shape in SHAPES:
        times = milliseconds(forms(*shape), options.rows, shape[0], options.repeats)
        shown = ", ".join(f"{name} {time:.2f} ({times['float32'] / time:.1f}x)" for name, time in times.items())
        print(f"[{options.rows}, {shape[0]}] x [{shape[0]}, {shape[1]}]: {shown}", flush=True)
    return 0


def forms(width: int, units: int) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """The same layer in four forms."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(width, units)).astype("float32") / width**0.5
    step = tf.Variable(np.abs(kernel).max(axis=0) / 127)
    integers = tf.Variable(np.round(kernel / step.numpy()).astype("int8"))
    bias = tf.Variable(rng.normal(size=units).astype("float32"))
    halves = tf.Variable(tf.cast(kernel, tf.bfloat16)), tf.Variable(tf.cast(bias, tf.bfloat16))
    kernel = tf.Variable(kernel)
    activation = keras.activations.gelu if units > width else None
    functions = {
        "float32": lambda x: kbl.ops.linear(x, kernel.value(), bias.value(), activation),
        "bfloat16": lambda x: kbl.ops.linear(tf.cast(x, tf.bfloat16), halves[0].value(), halves[1].value(), activation),
        "int8": lambda x: kbl.ops.quantized_linear(x, integers.value(), step.value(), bias.value(), activation),
        "int8, fixed ranges": lambda x: kbl.ops.quantized_linear(
            x, integers.value(), step.value(), bias.value(), activation, tf.constant(4.5)
        ),
    }
    return {name: tf.function(function, autograph=False) for name, function in functions.items()}


def milliseconds(functions: dict, rows: int, width: int, repeats: int) -> dict[str, float]:
    inputs = np.random.default_rng(1).normal(size=(rows, width)).astype("float32")
    best = dict.fromkeys(functions, float("inf"))
    for number in range(repeats + 2):  # the first two are not counted
        given = tf.constant(inputs * (1 + number / 100))
        for name, function in functions.items():
            begin = time.perf_counter()
            np.asarray(tf.cast(function(given)[0], tf.float32))
            if number >= 2:
                best[name] = min(best[name], 1000 * (time.perf_counter() - begin))
    return best


if __name__ == "__main__":
    sys.exit(main())
