"""Our side of the comparison of speed: tokenization and masking in a graph, on one thread. `speed.py` runs it."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    import tensorflow as tf
    from speed_arguments import parse_run, run_workload
    from speed_clock import in_batches, median_seconds
    from speed_tensorflow import device, limit_threads
    from speed_texts import sentences

    import keras_bert_layers as kbl

TEXTS_AT_ONCE, ROWS, LENGTH = 1000, 256, 128


def tokenize(options):
    limit_threads(1)
    tokenizer = kbl.text.BertTokenizer(options.vocabulary)
    texts = sentences(options.data, "sst2", options.tokenized_texts, "train")
    batches = [tf.constant(batch) for batch in in_batches(texts, TEXTS_AT_ONCE)]
    ids = tf.function(
        lambda strings: tokenizer.tokenize(strings).flat_values,
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    seconds = median_seconds(lambda: [ids(batch).numpy() for batch in batches])
    size = sum(len(text.encode()) for text in texts)
    return {
        "tokenization": {"megabytes_per_second": size / 1e6 / seconds, "texts_per_second": len(texts) / seconds},
        "masking": masking(tokenizer),
    }


def masking(tokenizer):
    masker = kbl.text.MaskedLMMasker(tokenizer)
    token_ids = np.random.default_rng(0).integers(1000, 30000, (ROWS, LENGTH)) % tokenizer.vocabulary_size
    features = {"token_ids": tf.constant(token_ids, tf.int32), "padding_mask": tf.ones([ROWS, LENGTH], tf.int32)}
    mask = tf.function(lambda x, index: masker(x, index)["token_ids"], autograph=False)
    repeats = 10
    seconds = median_seconds(
        lambda: [mask(features, tf.range(first, first + ROWS)).numpy() for first in range(repeats)]
    )
    return {"tokens_per_second": repeats * ROWS * LENGTH / seconds}


WORKLOADS = {"tokenize": tokenize}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["tensorflow", "tensorflow-text"], device())
