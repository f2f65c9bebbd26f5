"""keras-hub in the comparison of speed: everything that predicts. `speed.py` runs it.

`BertTextClassifier` with random weights of the same sizes, its tokenizer and its forward pass in one graph. Batches are
padded to their longest text, in the order given and sorted by length, and by its preprocessor to a fixed length, the
usual way; for that, a quarter of the batches is measured, since each costs the same. The form `compiled` goes through
XLA, for fixed shapes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras_hub
    import tensorflow as tf
    from speed_arguments import parse_run, run_workload
    from speed_clock import in_batches, latency, median_seconds, pass_figures, seconds_of, token_ids
    from speed_keras_hub_models import classifier, make_tokenizer, pack
    from speed_tensorflow import device
    from speed_texts import fixed_length, sentences


class KerasHub:
    """A classifier in one form, ready for strings and for ids."""

    def __init__(self, options):
        self.model = classifier(options)
        self.tokenizer = make_tokenizer(options.vocabulary)
        strings = tf.TensorSpec([None], tf.string)
        self.features = tf.function(lambda texts: pack(self.tokenizer, texts), input_signature=[strings])
        self.logits = tf.function(self._from_strings, input_signature=[strings])
        self._forward = tf.function(self._from_ids, jit_compile=options.form == "compiled")

    def fixed(self, length):
        """strings [B] -> logits, padded by keras-hub's own preprocessor."""
        preprocessor = keras_hub.models.BertTextClassifierPreprocessor(self.tokenizer, sequence_length=length)
        strings = tf.TensorSpec([None], tf.string)
        return tf.function(lambda texts: self._from_ids(preprocessor(texts)), input_signature=[strings])

    def forward(self, token_ids):
        """Ids int [B, S] without padding -> logits."""
        features = {"token_ids": token_ids, "segment_ids": 0 * token_ids, "padding_mask": 0 * token_ids + 1}
        return self._forward({name: tf.constant(value) for name, value in features.items()}).numpy()

    def _from_strings(self, texts):
        return self._from_ids(pack(self.tokenizer, texts))

    def _from_ids(self, features):
        return tf.cast(self.model(features, training=False), tf.float32)


def dense(options):
    theirs = KerasHub(options)
    batch, length = options.dense
    seconds = median_seconds(theirs.forward, token_ids(batch, length), repeats=options.repeats)
    return {f"{batch} x {length}": {"seconds": seconds}}


def texts(options):
    theirs = KerasHub(options)
    given = sentences(options.data, options.sentences, options.texts)
    lengths = tf.reduce_sum(tf.cast(theirs.features(given)["padding_mask"], tf.int32), axis=1).numpy()
    length = fixed_length(lengths)
    fixed = theirs.fixed(length)
    batches = in_batches(given, options.batch_size)
    few = batches[: max(1, len(batches) // 4)]

    def by_length():
        # In use, the lengths come from tokenizing once more; here they are a gift.
        order = sorted(range(len(given)), key=lambda row: -lengths[row])
        return [theirs.logits([given[row] for row in rows]).numpy() for rows in in_batches(order, options.batch_size)]

    for number in (2, options.batch_size):
        theirs.logits(given[:number]).numpy()
    fixed(given[: options.batch_size]).numpy()
    share = sum(map(len, few)) / len(given)
    return {
        "given order": pass_figures(seconds_of(lambda: [theirs.logits(batch).numpy() for batch in batches]), lengths),
        "sorted": pass_figures(seconds_of(by_length), lengths),
        "fixed length": pass_figures(seconds_of(lambda: [fixed(batch).numpy() for batch in few]), lengths, share)
        | {"length": length},
    }


def one_text(options):
    theirs = KerasHub(options)
    return latency(lambda text: theirs.logits([text]).numpy(), sentences(options.data, "sst2", options.latency_texts))


WORKLOADS = {"dense": dense, "texts": texts, "latency": one_text}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["keras-hub", "tensorflow", "keras"], device())
