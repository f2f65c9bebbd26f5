"""What workers do in the tests of clusters; each runs in a process of its own (`distributed_runs`)."""

import os

import keras
import tensorflow as tf

from keras_bert_layers import distribute


def all_reduce(**arguments):
    """Makes the strategy and sums a number over all replicas."""
    # The batch may differ between workers, which all get the same arguments.
    strategy = distribute.make_strategy(int(os.environ.get("TRIAL_BATCH", 32)), **arguments)
    total = tf.function(lambda: strategy.run(_sum))()
    return {
        "index": distribute.worker().index,
        "replicas": strategy.num_replicas_in_sync,
        "sums": [float(value) for value in strategy.experimental_local_results(total)],
    }


def fit_until_lost():
    """Trains a small model for longer than any test waits."""
    strategy = distribute.make_strategy()
    with strategy.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    distribute.prepare(model)
    data = strategy.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.from_tensors((tf.ones((4, 4)), tf.ones((4, 1)))).repeat()
    )
    fail = int(os.environ.get("TRIAL_FAILS_AT", -1))

    def at_step(step, logs):
        if step == 3:
            print("training", flush=True)
        if step == fail:
            raise OSError("no space left on device")

    with distribute.watching(strategy):
        model.fit(
            data,
            steps_per_epoch=1_000_000,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=at_step)],
        )


def _sum():
    return tf.distribute.get_replica_context().all_reduce("SUM", tf.ones(()) * 2.0)
