"""TensorFlow Model Garden's BERT in the comparison of speed: the forward pass. `speed.py` runs it.

`official.nlp.modeling.networks.BertEncoder` with random weights of the same sizes, in one graph.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from official.nlp.modeling import networks
from speed_arguments import parse_run, run_workload
from speed_clock import median_seconds, token_ids
from speed_plan import MODELS
from speed_tensorflow import device, limit_threads


def dense(options):
    limit_threads(options.threads)
    sizes = MODELS[options.model]
    encoder = networks.BertEncoder(
        vocab_size=len(options.vocabulary.read_text(encoding="utf-8").splitlines()),
        hidden_size=sizes["hidden_dim"],
        num_layers=sizes["num_layers"],
        num_attention_heads=sizes["num_heads"],
        intermediate_size=sizes["intermediate_dim"],
        dict_outputs=True,
    )
    pooled = tf.function(lambda features: encoder(features, training=False)["pooled_output"])

    def forward(ids):
        ids = tf.constant(ids)
        features = {"input_word_ids": ids, "input_mask": tf.ones_like(ids), "input_type_ids": tf.zeros_like(ids)}
        return pooled(features).numpy()

    batch, length = options.dense
    seconds = median_seconds(forward, token_ids(batch, length), repeats=options.repeats)
    return {f"{batch} x {length}": {"seconds": seconds}}


WORKLOADS = {"dense": dense}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["tf-models-official", "tensorflow"], device())
