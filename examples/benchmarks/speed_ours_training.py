"""Our side of the comparison of speed: everything that trains. `speed.py` runs it, a process for each workload.

`fit` with `kbl.training.adamw`; batches of sentences are padded to their longest, and the encoder computes on the real
tokens. In the form `bfloat16` the policy is `mixed_bfloat16`: weights in float32, products in bfloat16.
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
    import tensorflow as tf
    from speed_arguments import parse_run, run_workload
    from speed_clock import dense_steps, token_ids
    from speed_memory import memory_figures, peak_megabytes
    from speed_plan import MODELS
    from speed_tensorflow import count_tokens, device, limit_threads, step_figures, step_seconds
    from speed_texts import draw, labels, paragraphs, sentences, spread

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.models
    import keras_bert_layers.text
    import keras_bert_layers.training

IMPORTED = peak_megabytes()


def classifier(options):
    """A compiled model, and what makes batches of its strings."""
    start(options)
    loaded = kbl.convert.from_pretrained(options.checkpoint)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loaded.model.compile(kbl.training.adamw(2e-5, total_steps=1000), loss=loss, jit_compile=False)
    return loaded.model, loaded.preprocessor()


def start(options):
    limit_threads(options.threads)
    keras.utils.set_random_seed(0)
    if options.form == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")


def sentence_batches(options, preprocessor, number):
    given = sentences(options.data, "sst2", number * options.batch_size, "train")
    batches = tf.data.Dataset.from_tensor_slices((given, labels(len(given)))).batch(options.batch_size)
    return batches.map(lambda texts, classes: (preprocessor(texts), classes))


def finetune(options):
    model, preprocessor = classifier(options)
    batches = sentence_batches(options, preprocessor, 2 + options.steps)
    times = step_seconds(model, batches)
    batch, length = options.dense
    ids = token_ids(batch, length)
    features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    dense = tf.data.Dataset.from_tensors((features, labels(batch))).repeat(1 + dense_steps(options.steps))
    return {
        "sentences": step_figures(times, count_tokens(batches)),
        f"{batch} x {length}": {"seconds": statistics.median(step_seconds(model, dense, warm_up=1))},
    }


def pretrain(options):
    start(options)
    tokenizer = kbl.text.BertTokenizer(options.vocabulary)
    config = kbl.models.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size, max_sequence_length=options.length, **MODELS[options.model]
    )
    masker = kbl.text.MaskedLMMasker(tokenizer)
    documents = [[paragraph] for paragraph in paragraphs(options.data)]
    steps = 2 + options.steps
    few = [[text] for text in spread([text for (text,) in documents], steps * options.rows)]
    forms = {
        "packed": (draw(documents, len(documents)), {"max_sequences": 32}),
        "padded": (few, {}),
        "padded, unpadded inside": (few, {"padding": "longest"}),
    }
    figures = {}
    for name, (given, settings) in forms.items():
        model = kbl.models.masked_lm(kbl.models.bert_encoder(config, pooler=False, packed=name == "packed"))
        optimizer = kbl.training.adamw(1e-4, total_steps=1000, epsilon=1e-6)
        model.compile(optimizer, loss=kbl.training.MaskedLMLoss(), jit_compile=False)
        batches = kbl.data.masked_lm_dataset(
            given, tokenizer, masker, options.length, options.rows, short_sequence_probability=0.0, **settings
        ).take(steps)
        times = step_seconds(model, batches)
        tokens = count_tokens(batches)
        fill = tokens / (options.steps * options.rows * options.length)
        figures[name] = {**step_figures(times, tokens), "fill": fill}
    return figures


def memory(options):
    model, preprocessor = classifier(options)
    step_seconds(model, sentence_batches(options, preprocessor, 10))
    return memory_figures(IMPORTED)


WORKLOADS = {"finetune": finetune, "pretrain": pretrain, "memory": memory}

if __name__ == "__main__":
    run_workload(parse_run(__doc__, WORKLOADS), WORKLOADS, ["tensorflow", "keras", "tensorflow-text"], device())
