"""Random numbers as a pure function of counters: no state, so order, batching and parallelism cannot change them.

SplitMix64 (Steele et al. 2014): the n-th number of the stream with key k is mix(k + n·γ). Knowing k, every n is one
multiplication away, for whole tensors at once.
"""

import tensorflow as tf

_GAMMA = 0x9E3779B97F4A7C15
_BITS = 0xFFFFFFFFFFFFFFFF


def example_keys(seed: int, epoch, example_index) -> tf.Tensor:
    """uint64 keys, one for every `example_index` (int, any shape), from an int seed and an int or scalar epoch."""
    key = _mix(tf.constant(seed & _BITS, tf.uint64))
    for part in (epoch, example_index):
        key = _mix(key + tf.cast(part, tf.uint64) * _constant(_GAMMA))
    return key


def random_bits(keys, stream: int, counter) -> tf.Tensor:
    """uint64 random bits for `counter` (int in [0, 2³²)), of the shape that `keys` and `counter` broadcast to.

    Different `stream` numbers give independent bits for the same key and counter.
    """
    number = tf.cast(counter, tf.uint64) + _constant(stream << 32)
    return _mix(keys + number * _constant(_GAMMA))


def rehash(bits, stream: int) -> tf.Tensor:
    """Further uint64 bits that depend on `bits` alone."""
    return random_bits(bits, stream, 1)


def uniform(bits) -> tf.Tensor:
    """uint64 bits as float64 in [0, 1)."""
    return tf.cast(tf.bitwise.right_shift(bits, _constant(11)), tf.float64) * 2.0**-53


def _mix(x):
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _constant(shift))) * _constant(factor)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, _constant(31)))


def _constant(value):
    return tf.constant(value, tf.uint64)
