"""What each replica of a run has, known to all of its workers."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def replica_numbers(strategy: tf.distribute.Strategy) -> list[int]:
    """The numbers of the replicas of this process, among those of all workers.

    Example:
        >>> replica_numbers(tf.distribute.get_strategy())
        [0]
    """
    if strategy.num_replicas_in_sync == 1:
        return [0]
    numbers = []

    def note(context):
        numbers.append(int(context.replica_id_in_sync_group))
        return tf.zeros(())

    strategy.experimental_distribute_values_from_function(note)
    return numbers


def from_all_replicas(strategy: tf.distribute.Strategy, vectors: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors of all replicas, in their order; with several workers, each has to call this at the same time.

    Args:
        strategy: of the run.
        vectors: for each replica of this process a vector, equally long on all.

    Returns:
        float64 [replicas, K], exact for what float64 holds.

    Example:
        >>> from_all_replicas(tf.distribute.get_strategy(), [np.array([1, 2])])
        array([[1., 2.]])
    """
    vectors = np.asarray(vectors, "float64")
    if len(vectors) == strategy.num_replicas_in_sync:
        return vectors
    # A sum in which every replica has a row of its own: the one collective that all strategies have.
    rows = iter(vectors)

    def with_own_row(context):
        table = np.zeros((strategy.num_replicas_in_sync, vectors.shape[1]))
        table[int(context.replica_id_in_sync_group)] = next(rows)
        return tf.constant(table)

    tables = strategy.experimental_distribute_values_from_function(with_own_row)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, tables, axis=None).numpy()
