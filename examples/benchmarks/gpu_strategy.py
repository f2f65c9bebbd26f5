"""MirroredStrategy of one GPU, through `kbl.distribute.prepare`, beside no strategy. `gpu.py` runs it.

Both train the same model on the same full rows of 128 tokens, without dropout, block by block in turns. The losses of
the first block have to be those of each other.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics

import gpu_arrays
import tensorflow as tf
from gpu_options import parse_run, rows_of, write
from gpu_ours import kbl, masked_lm
from gpu_tensorflow import device, of_rows, training_seconds

LENGTH = 128


def main(options):
    options.dropout = 0.0
    rows = rows_of(options, LENGTH)
    arrays = gpu_arrays.rows(options.batches, f"dense-{LENGTH}", options.steps * rows)
    place = "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
    mirrored = tf.distribute.MirroredStrategy([place])
    models = {"no strategy": masked_lm(options, options.steps)}
    with mirrored.scope():
        models["mirrored"] = masked_lm(options, options.steps)
    kbl.distribute.prepare(models["mirrored"], compile_replica=True)
    x = {name: arrays[name] for name in models["mirrored"].input}
    dataset = of_rows((x, arrays["labels"], arrays["weights"]), rows)
    losses, times = {name: [] for name in models}, {name: [] for name in models}
    for _ in range(options.blocks):
        for name, model in models.items():
            # Each has a block of its own first, which does not count: it compiles in the first turn.
            seconds, loss = training_seconds(model, dataset, options.steps, 1)
            times[name] += seconds
            losses[name] += loss
    ratios = [other / own for own, other in zip(times["no strategy"], times["mirrored"], strict=True)]
    gap = abs(losses["mirrored"][0] / losses["no strategy"][0] - 1)
    figures = {
        name: {"seconds": statistics.median(times[name]) / options.steps, "loss": losses[name][0]} for name in times
    }
    figures["mirrored"] |= {"ratio": statistics.median(ratios), "loss_gap": gap}
    return figures


if __name__ == "__main__":
    options = parse_run(__doc__)
    write(options, device(), main(options))
