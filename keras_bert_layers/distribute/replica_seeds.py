"""Other dropout on every replica, from the one random state that all of them hold."""

from collections.abc import Callable

import keras
import tensorflow as tf

# Adjacent replicas are far apart: a model's generators begin at random places below 1e9.
_BETWEEN_REPLICAS = 0x9E3779B1


def replica_seeds(model: keras.Model) -> list[tuple[object, str, Callable]]:
    """For `shadowed`: seed generators that give replica r the seed [s + 2654435761 r, n] in place of [s, n].

    The states stay what they are, equal on all replicas, so that a run can be continued, also on another number of
    devices. Replica 0 draws what a single device draws.
    """
    generators = {id(g): g for layer in model._flatten_layers() for g in layer._seed_generators}
    return [(generator, "next", _next_of(generator)) for generator in generators.values()]


def _next_of(generator):
    def next_of_replica(ordered=True):
        seed = type(generator).next(generator, ordered)
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([replica * tf.constant(_BETWEEN_REPLICAS, seed.dtype), tf.zeros_like(replica)])

    return next_of_replica
