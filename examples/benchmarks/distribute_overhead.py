"""What a prepared model costs beside TensorFlow's strategies by themselves, in time for each step.

    python examples/benchmarks/distribute_overhead.py [--steps 30] [--rounds 9] [--hidden 256] [--layers 4]

A BERT pretrainer on one device and on two replicas, each of one core of the processor, in ways that take turns: Keras'
`fit` and the prepared model's; on two replicas also a step written by hand for the strategy (mean losses, one sum of
gradients, no metrics). It prints milliseconds of the step, medians over rounds with their spread, and the median over
rounds of the ratio to Keras'. Five minutes with the defaults, on a machine that does nothing else.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers import distribute, models, training

VOCABULARY, LENGTH, PREDICTIONS = 2000, 64, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)  # as devices, replicas then share no core
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    data = batches(arguments)
    one = {
        "one device, Keras": fit_by(pretrainer(arguments), data),
        "one device, prepared": fit_by(distribute.prepare(pretrainer(arguments)), data),
    }
    with mirrored.scope():
        prepared, keras_fits, bare = (
            distribute.prepare(pretrainer(arguments)),
            pretrainer(arguments),
            pretrainer(arguments),
        )
    two = {
        "two replicas, Keras": fit_by(keras_fits, data),
        "two replicas, prepared": fit_by(prepared, data),
        "two replicas, by hand": by_hand(bare, mirrored, data),
    }
    for ways in (one, two):
        compare(ways, arguments)


def compare(ways: dict, arguments: argparse.Namespace) -> None:
    """Prints the time of each way, and how much more it is than that of the first."""
    times = {name: [] for name in ways}
    for train in ways.values():
        train()  # traces
    for _ in range(arguments.rounds):
        for name, train in ways.items():
            began = time.perf_counter()
            train()
            times[name].append((time.perf_counter() - began) / arguments.steps * 1e3)
    first = next(iter(times.values()))
    for name, values in times.items():
        ratio = statistics.median(value / other for value, other in zip(values, first, strict=True))
        spread = f"({min(values):.2f} to {max(values):.2f})"
        print(f"{name:<24} {statistics.median(values):8.2f} ms a step {spread:<20} {ratio - 1:+8.2%}")


def pretrainer(arguments: argparse.Namespace) -> keras.Model:
    config = models.BertConfig(
        vocabulary_size=VOCABULARY,
        hidden_dim=arguments.hidden,
        num_layers=arguments.layers,
        num_heads=arguments.hidden // 64,
        intermediate_dim=4 * arguments.hidden,
        max_sequence_length=LENGTH,
    )
    model = models.bert_pretrainer(models.bert_encoder(config))
    model.compile(
        training.adamw(1e-4, total_steps=10**6),
        loss={"masked_lm": training.MaskedLMLoss(), "next_sentence": training.NextSentenceLoss()},
        weighted_metrics={"masked_lm": training.MaskedLMAccuracy()},
    )
    return model


def batches(arguments: argparse.Namespace) -> tf.data.Dataset:
    rng, rows = np.random.default_rng(0), arguments.batch_size * arguments.steps
    x = {
        "token_ids": rng.integers(5, VOCABULARY, (rows, LENGTH)).astype("int32"),
        "segment_ids": np.zeros((rows, LENGTH), "int32"),
        "padding_mask": np.ones((rows, LENGTH), "int32"),
        "mask_positions": np.tile(np.arange(PREDICTIONS, dtype="int32"), (rows, 1)),
    }
    y = {
        "masked_lm": rng.integers(5, VOCABULARY, (rows, PREDICTIONS)).astype("int32"),
        "next_sentence": rng.integers(0, 2, rows).astype("int32"),
    }
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(arguments.batch_size, drop_remainder=True)


def fit_by(model: keras.Model, data: tf.data.Dataset):
    return lambda: model.fit(data, shuffle=False, verbose=0)


def by_hand(model: keras.Model, strategy: tf.distribute.Strategy, data: tf.data.Dataset):
    """The least that training under a strategy is."""
    distributed, optimizer = strategy.experimental_distribute_dataset(data), model.optimizer
    with strategy.scope():
        optimizer.build(model.trainable_variables)
    masked_lm, next_sentence = training.MaskedLMLoss(), training.NextSentenceLoss()

    def replica_step(x, y):
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = masked_lm(y["masked_lm"], outputs["masked_lm"])
            loss += next_sentence(y["next_sentence"], outputs["next_sentence"])
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        optimizer.apply([tf.convert_to_tensor(g) for g in gradients], model.trainable_variables)
        return loss

    @tf.function(reduce_retracing=True)
    def step(iterator):
        return strategy.run(replica_step, args=iterator.get_next())

    def train():
        iterator = iter(distributed)
        for _ in range(len(data)):
            step(iterator)

    return train


if __name__ == "__main__":
    main()
