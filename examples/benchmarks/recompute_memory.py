"""Memory and time of a training step with activations kept, and with activations computed again.

    python examples/benchmarks/recompute_memory.py [--layers 6] [--hidden 384] [--batch 8] [--length 256] [--compiled]

Each way trains a masked language model in a process of its own, on one thread. It prints the most memory that the
process held, what of it the steps took beyond the model that was built, and the processor time of a step, the median
of ten.
Four minutes with the defaults.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

VOCABULARY, PREDICTIONS, STEPS = 1000, 20, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--compiled", action="store_true", help="by XLA")
    parser.add_argument("--way", choices=["keep", "again"], help="measure this one, in this process")
    arguments = parser.parse_args()
    if arguments.way:
        measure(arguments)
        return
    # Without it the C library holds on to what was freed, in pieces, and the peak says less of what was needed.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "500000"}
    print("                peak MiB   of it steps   seconds a step")
    for way in ("keep", "again"):
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--way", way], check=True, env=environment)


def measure(arguments: argparse.Namespace) -> None:
    """Prints the line of one way."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model, inputs, labels = masked_lm(arguments)
    before, seconds = peak_mib(), []
    for _ in range(STEPS):
        began = time.process_time()
        model.train_on_batch(inputs, labels)
        seconds.append(time.process_time() - began)
    name = {"keep": "kept", "again": "computed again"}[arguments.way]
    print(f"{name:<16}{peak_mib():8.0f}{peak_mib() - before:14.0f}{statistics.median(seconds):17.2f}", flush=True)


def masked_lm(arguments: argparse.Namespace) -> tuple:
    """A compiled masked language model, and one batch without padding."""
    import keras
    import numpy as np

    from keras_bert_layers import models, training

    config = models.BertConfig(
        vocabulary_size=VOCABULARY,
        hidden_dim=arguments.hidden,
        num_layers=arguments.layers,
        num_heads=arguments.hidden // 64,
        intermediate_dim=4 * arguments.hidden,
        max_sequence_length=arguments.length,
    )
    encoder = models.bert_encoder(config, pooler=False)
    encoder.get_layer("encoder").recompute = arguments.way == "again"
    model = models.masked_lm(encoder)
    model.compile(keras.optimizers.SGD(1e-3), training.MaskedLMLoss(), jit_compile=arguments.compiled)
    rng = np.random.default_rng(0)
    shape = (arguments.batch, arguments.length)
    positions = np.sort(rng.permuted(np.tile(np.arange(shape[1]), (shape[0], 1)), axis=1)[:, :PREDICTIONS])
    inputs = {
        "token_ids": rng.integers(5, VOCABULARY, shape),
        "segment_ids": np.zeros(shape),
        "padding_mask": np.ones(shape),
        "mask_positions": positions,
    }
    inputs = {name: value.astype("int32") for name, value in inputs.items()}
    return model, inputs, rng.integers(5, VOCABULARY, (shape[0], PREDICTIONS))


def peak_mib() -> float:
    """The most memory that this process has held so far, as Linux counts it."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
