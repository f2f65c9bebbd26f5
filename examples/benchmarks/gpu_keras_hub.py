"""keras-hub in the measurements on a GPU: pretraining, fine-tuning and inference. `gpu.py` runs it.

`mixed_bfloat16` in training and `bfloat16` in inference, and everything compiled. Its dropout counts for the
probabilities of attention too: it has one rate.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import gpu_arrays
    import keras
    import keras_hub
    import tensorflow as tf
    from gpu_options import VOCABULARY_SIZE, parse_run, rows_of, step_figures, write
    from gpu_plan import MODELS
    from gpu_tensorflow import device, inference_seconds, of_batches, of_rows, peak_gib, training_seconds


def backbone(options) -> keras.Model:
    keras.utils.set_random_seed(0)
    sizes = {**MODELS[options.model], "dropout": options.dropout}
    return keras_hub.models.BertBackbone(vocabulary_size=VOCABULARY_SIZE, **sizes)


def optimizer(learning_rate):
    return keras.optimizers.AdamW(learning_rate, weight_decay=0.01, global_clipnorm=1.0)


def pretraining(options, length):
    keras.config.set_dtype_policy("mixed_bfloat16")
    rows = rows_of(options, length)
    arrays = gpu_arrays.rows(options.batches, f"dense-{length}", options.steps * rows)
    model = keras_hub.models.BertMaskedLM(backbone(options), preprocessor=None)
    model.compile(
        optimizer(1e-4),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[],
        metrics=[],
        jit_compile=True,
        steps_per_execution=options.steps,
    )
    x = {name: arrays[name] for name in model.input}
    dataset = of_rows((x, arrays["labels"], arrays["weights"]), rows)
    times, losses = training_seconds(model, dataset, options.steps, options.blocks)
    lengths = gpu_arrays.lengths_of(arrays)
    figures = step_figures(times, options.steps, len(lengths), int(lengths.sum()))
    return {"full rows": {**figures, "loss": losses[-1], **peak_gib()}}


def finetune(options):
    keras.config.set_dtype_policy("mixed_bfloat16")
    batches = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    model = keras_hub.models.BertTextClassifier(backbone(options), num_classes=2, preprocessor=None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(2e-5), loss=loss, metrics=[], jit_compile=True, steps_per_execution=len(batches))
    dataset = of_batches([(gpu_arrays.features_of(batch), batch["labels"]) for batch in batches])
    times, _ = training_seconds(model, dataset, len(batches), options.blocks)
    return {"sentences": {**step_figures(times, len(batches), *gpu_arrays.size_of(batches)), **peak_gib()}}


def inference(options):
    keras.config.set_dtype_policy("bfloat16")
    batches = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    model = keras_hub.models.BertTextClassifier(backbone(options), num_classes=2, preprocessor=None)

    @tf.function(jit_compile=True, autograph=False)
    def logits(features):
        return model(features, training=False)

    times = inference_seconds(logits, batches, options.blocks)
    return {"sentences": {**step_figures(times, len(batches), *gpu_arrays.size_of(batches)), **peak_gib()}}


WORKLOADS = {
    "pretrain-128": lambda options: pretraining(options, 128),
    "pretrain-512": lambda options: pretraining(options, 512),
    "finetune": finetune,
    "inference": inference,
}

if __name__ == "__main__":
    options = parse_run(__doc__)
    write(options, device(), WORKLOADS[options.workload](options))
