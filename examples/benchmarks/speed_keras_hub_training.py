"""keras-hub in the comparison of speed: everything that trains. `speed.py` runs it.

`fit` with Keras' AdamW; sentences are padded to the longest of a batch, paragraphs by keras-hub's own masked-LM
preprocessor. In the form `bfloat16` the policy is `mixed_bfloat16`; `compiled` goes through XLA.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import keras_hub
    import numpy as np
    import tensorflow as tf
    from speed_arguments import parse_run, run_workload
    from speed_clock import dense_steps, token_ids
    from speed_keras_hub_models import backbone, classifier, make_tokenizer, pack
    from speed_memory import memory_figures, peak_megabytes
    from speed_tensorflow import count_tokens, device, step_figures, step_seconds
    from speed_texts import labels, paragraphs, sentences, spread

IMPORTED = peak_megabytes()


def compiled(options, jit_compile=False):
    model = classifier(options, training=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(2e-5), loss=loss, metrics=[], jit_compile=jit_compile)
    return model


def optimizer(learning_rate):
    return keras.optimizers.AdamW(learning_rate, weight_decay=0.01, global_clipnorm=1.0)


def sentence_batches(options, number):
    tokenizer = make_tokenizer(options.vocabulary)
    given = sentences(options.data, "sst2", number * options.batch_size, "train")
    batches = tf.data.Dataset.from_tensor_slices((given, labels(len(given)))).batch(options.batch_size)
    return batches.map(lambda texts, classes: (pack(tokenizer, texts), classes))


def finetune(options):
    model = compiled(options, jit_compile=options.form == "compiled")
    figures = {}
    batch, length = options.dense
    ids = token_ids(batch, length)
    features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    dense = tf.data.Dataset.from_tensors((features, labels(batch))).repeat(1 + dense_steps(options.steps))
    # XLA compiles for every length it meets: sentences are not for it.
    if options.form != "compiled":
        batches = sentence_batches(options, 2 + options.steps)
        figures["sentences"] = step_figures(step_seconds(model, batches), count_tokens(batches))
    figures[f"{batch} x {length}"] = {"seconds": statistics.median(step_seconds(model, dense, warm_up=1))}
    return figures


def pretrain(options):
    if options.form == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras_hub.models.BertMaskedLM(backbone(options, options.length), preprocessor=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(1e-4), loss=loss, weighted_metrics=[], metrics=[], jit_compile=False)
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor(
        make_tokenizer(options.vocabulary),
        sequence_length=options.length,
        mask_selection_length=int(np.ceil(0.15 * options.length)),
    )
    texts = spread(paragraphs(options.data), (2 + options.steps) * options.rows)
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(options.rows, drop_remainder=True).map(preprocessor)
    times = step_seconds(model, batches)
    tokens = count_tokens(batches)
    fill = tokens / (options.steps * options.rows * options.length)
    return {"padded": {**step_figures(times, tokens), "fill": fill}}


def memory(options):
    step_seconds(compiled(options), sentence_batches(options, 10))
    return memory_figures(IMPORTED)


WORKLOADS = {"finetune": finetune, "pretrain": pretrain, "memory": memory}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["keras-hub", "tensorflow", "keras"], device())
