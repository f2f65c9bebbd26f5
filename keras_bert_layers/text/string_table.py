"""Looking strings up without a hash table."""

from collections.abc import Mapping

import tensorflow as tf


class StringTable:
    """An exact map from strings to numbers or strings, as a constant.

    A `tf.lookup` table is a resource: it has to be tracked by whatever saves a function that uses it, and makes a
    data set stateful. Here the strings lie in the order of their 63-bit fingerprints; one that is found is compared.
    (Should two fingerprints ever be equal, the table knows only the first of both.)

    Args:
        entries: at least one; all values are int, or all are str or bytes.
    """

    def __init__(self, entries: Mapping[str | bytes, int | str | bytes]):
        # Constants made inside a function that is being traced would stay locked in its graph.
        with tf.init_scope(), tf.device("CPU:0"):
            keys, values = tf.constant(list(entries)), tf.constant(list(entries.values()))
            order = tf.argsort(_fingerprint(keys), stable=True)
            self._keys, self._values = tf.gather(keys, order), tf.gather(values, order)
            self._fingerprints = _fingerprint(self._keys)

    def lookup(self, texts: tf.Tensor, default: int | str) -> tf.Tensor:
        """The value of each of `texts` [N], or `default`."""
        at = tf.searchsorted(self._fingerprints, _fingerprint(texts))
        at = tf.minimum(at, tf.size(self._fingerprints) - 1)
        return tf.where(tf.gather(self._keys, at) == texts, tf.gather(self._values, at), default)


def _fingerprint(texts):
    return tf.strings.to_hash_bucket_fast(texts, 2**63 - 1)
