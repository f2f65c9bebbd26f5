"""Our side of the measurements on a GPU: pretraining, fine-tuning and inference. `gpu.py` runs it.

Policy `mixed_bfloat16`, attention without dropout on its probabilities, and everything compiled: full and packed rows
by `fit(jit_compile=True)`, sentences by `kbl.distribute.prepare`, once for each length. The side `ours-not-fused` is
the same with `flash_attention=False`.
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
    import numpy as np
    import tensorflow as tf
    from gpu_options import VOCABULARY_SIZE, parse_run, rows_of, step_figures, write
    from gpu_plan import MODELS
    from gpu_tensorflow import device, inference_seconds, of_batches, of_rows, peak_gib, training_seconds

    import keras_bert_layers as kbl
    from keras_bert_layers.training.flops import pretraining_flops


def config(options, **changes) -> kbl.models.BertConfig:
    sizes = {"dropout": options.dropout, "attention_dropout": 0.0, **MODELS[options.model], **changes}
    return kbl.models.BertConfig(vocabulary_size=VOCABULARY_SIZE, **sizes)


def encoder(options, fused=None, **arguments) -> keras.Model:
    """An encoder whose attention is fused where it can be, or nowhere for the side that says so."""
    keras.utils.set_random_seed(0)
    made = kbl.models.bert_encoder(config(options), **arguments)
    for block in made.get_layer("encoder").blocks:
        block.attention.flash_attention = False if options.side == "ours-not-fused" else fused
        block.attention.right_padded = not arguments.get("packed")
    return made


def masked_lm(options, steps: int, packed: bool = False, **compiling) -> keras.Model:
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = kbl.models.masked_lm(encoder(options, pooler=False, packed=packed))
    settings = {"jit_compile": True, "steps_per_execution": steps, **compiling}
    model.compile(kbl.training.adamw(1e-4, total_steps=1000), loss=kbl.training.MaskedLMLoss(), **settings)
    return model


def pretraining(options, kind: str, length: int) -> dict[str, float]:
    arrays = gpu_arrays.rows(options.batches, kind, options.steps * rows_of(options, length))
    model = masked_lm(options, options.steps, packed=kind == "packed")
    x = {name: arrays[name] for name in model.input}
    dataset = of_rows((x, arrays["labels"], arrays["weights"]), rows_of(options, length))
    times, losses = training_seconds(model, dataset, options.steps, options.blocks)
    lengths = gpu_arrays.lengths_of(arrays)
    flops = pretraining_flops(
        config(options), int(lengths.sum()), int((lengths**2).sum()), int((arrays["weights"] > 0).sum())
    )
    figures = step_figures(times, options.steps, len(lengths), int(lengths.sum()), flops)
    return {**figures, "loss": losses[-1], "fill": float(lengths.sum()) / arrays["token_ids"].size, **peak_gib()}


def packed(options):
    return {kind: pretraining(options, kind, 512) for kind in ("packed", "padded")}


def finetune(options):
    keras.config.set_dtype_policy("mixed_bfloat16")
    batches = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    model = kbl.models.text_classifier(encoder(options), num_classes=2, dropout=options.dropout)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # The whole list of batches is a block.
    model.compile(kbl.training.adamw(2e-5, total_steps=1000), loss, jit_compile=False, steps_per_execution=len(batches))
    kbl.distribute.prepare(model, compile_replica=True, lengths=options.lengths)
    dataset = of_batches([(gpu_arrays.features_of(batch), batch["labels"]) for batch in batches])
    times, _ = training_seconds(model, dataset, len(batches), options.blocks)
    return {"sentences": {**of_sentences(options, times, batches, 1.0), **peak_gib()}}


def inference(options):
    batches = gpu_arrays.sentence_batches(options.batches, options.lengths, options.tokens)
    model = kbl.models.text_classifier(encoder(options), num_classes=2)
    model = kbl.compress.quantize(model, "bfloat16")
    for block in model.get_layer("encoder").blocks:
        block.attention.flash_attention = False if options.side == "ours-not-fused" else None
        block.attention.right_padded = True

    @tf.function(jit_compile=True, autograph=False)  # traced and compiled for each shape
    def logits(features):
        return model(features, training=False)

    times = inference_seconds(logits, batches, options.blocks)
    return {"sentences": {**of_sentences(options, times, batches, 1 / 3), **peak_gib()}}


def of_sentences(options, times, batches, share):
    """The figures of passes over all batches, of which each takes `share` of the operations of training."""
    lengths = np.concatenate([batch["padding_mask"].sum(axis=1) for batch in batches])
    flops = share * pretraining_flops(config(options), int(lengths.sum()), int((lengths**2).sum()), 0)
    return step_figures(times, len(batches), len(lengths), int(lengths.sum()), flops)


WORKLOADS = {
    "pretrain-128": lambda options: {"full rows": pretraining(options, "dense-128", 128)},
    "pretrain-512": lambda options: {"full rows": pretraining(options, "dense-512", 512)},
    "packed": packed,
    "finetune": finetune,
    "inference": inference,
}

if __name__ == "__main__":
    options = parse_run(__doc__)
    write(options, device(), WORKLOADS[options.workload](options))
