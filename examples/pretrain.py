"""A BERT from scratch: from records or a folder of text to a pretrained model, on one device.

    python examples/pretrain.py --corpus folder/of/texts --layout prose --phases 128:5000
    python examples/pretrain.py --records records128 records512 --phases 128:900000,512:100000 --batch-size 256 \\
        --preset bert_base_uncased --precision bfloat16 --checkpoint-every 2000 --evaluate-every 5000

Texts are read into memory (`kbl.data.read_documents`); records, for a corpus of any size, come from
`prepare_pretraining.py`. A phase is LENGTH:STEPS or LENGTH:STEPS:BATCH. The learning rate rises and falls once over all
phases.

The run may be killed at any moment: the same command goes on from the last saved state, with the same batches, masks
and dropout. With `--deterministic` it then ends with the weights of a run left alone, bit for bit.

It writes to `--output` (pretrain-out): the states (`states/`), the vocabulary, and at the end the model with its
vocabulary (`pretrained/`, for `kbl.convert.from_pretrained`), the curves (`curves.png`), all numbers (`summary.json`,
`progress.json`), and with `--tensorboard` the scalars for TensorBoard; and it prints how to convert the model for
Hugging Face. With `--model-every` it also saves the model on the way (`models/step-…`), for `explain_pretraining.py`.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import json
import math
import statistics
import sys
import warnings
from pathlib import Path

from quickstart_progress import clock, quiet_start

with quiet_start():
    import keras
    import numpy as np
    import pretrain_arguments
    import pretrain_data
    import pretrain_figure
    import pretrain_models
    import tensorflow as tf
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.text

tf.get_logger().setLevel("ERROR")  # each phase traces its step anew, and nothing is wrong with that


def main(command: list[str] | None = None) -> None:
    arguments = pretrain_arguments.parse(command, __doc__.split("\n\n")[0])
    with refusing_bad_input():
        source, phases = open_source(arguments)
        model, config = build(arguments, source, phases)
        progress = kbl.training.TrainingProgress(
            phases[-1].end,
            every=arguments.report_every,
            config=config,
            peak_flops=None if arguments.peak_tflops is None else 1e12 * arguments.peak_tflops,
            tensorboard=arguments.output / "tensorboard" if arguments.tensorboard else None,
        )
        resume = kbl.training.Resume(
            arguments.output / "states",
            every=arguments.checkpoint_every,
            keep=arguments.keep,
            settings=settings(arguments, source, config, phases),
        )
        step = resume.restore(model, [progress])
        for phase in phases:  # so that what is wrong with the last one is said now
            source.training(phase, 0), source.held_out(phase)
        arguments.output.mkdir(parents=True, exist_ok=True)
        source.tokenizer.save(arguments.output / "vocab.txt")
    describe(arguments, source, model, config, phases, step)
    try:
        models = pretrain_models.SavedModels(
            arguments.output / "models",
            arguments.model_every,
            progress,
            lambda path: save(arguments, source, model, config, path),
        )
        if step == 0:
            models.save(0)
        train(arguments, source, phases, model, resume, [progress, models])
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same command goes on from the last saved state.")
    try:
        keras.config.set_dtype_policy("float32")
        pretrained = save(arguments, source, model, config, arguments.output / "pretrained")
        finish(arguments, model, progress, phases, pretrained)
    except OSError as error:
        sys.exit(f"\n{error}. The same command tries again, from the last saved state.")


def open_source(arguments) -> tuple[pretrain_data.Texts | pretrain_data.Records, list[pretrain_data.Phase]]:
    """The data, and the parts of the run."""
    keras.utils.set_random_seed(arguments.seed)
    if arguments.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy(pretrain_arguments.POLICIES[arguments.precision])
    if arguments.phases is None:
        length = 128 if arguments.records is None else pretrain_data.record_length(arguments.records[0])
        arguments.phases = f"{length}:{arguments.steps}"
    phases = pretrain_data.phases_of(arguments.phases, arguments.batch_size)
    together, numbers = arguments.steps_per_execution, [phase.end for phase in phases]
    if together < 1 or any(number % together for number in [arguments.evaluate_every, *numbers]):
        raise ValueError(
            "--steps-per-execution must divide --evaluate-every and the steps of every phase. Received: "
            f"--steps-per-execution {together} --evaluate-every {arguments.evaluate_every} --phases {arguments.phases}."
        )
    if arguments.model_every < 0 or arguments.model_every % arguments.evaluate_every:
        raise ValueError(
            "--model-every must be a multiple of --evaluate-every, or 0. Received: "
            f"--model-every {arguments.model_every} --evaluate-every {arguments.evaluate_every}."
        )
    if arguments.records is None:
        return pretrain_data.Texts(arguments), phases
    return pretrain_data.Records(arguments, len(phases)), phases


def build(arguments, source, phases) -> tuple[keras.Model, kbl.models.BertConfig]:
    """The compiled model, and its configuration."""
    changes = {
        "vocabulary_size": source.tokenizer.vocabulary_size,
        "max_sequence_length": max(phase.sequence_length for phase in phases),
        "dropout": arguments.dropout,
        "attention_dropout": arguments.dropout,
    }
    if arguments.preset is None:
        changes["num_layers"], changes["hidden_dim"] = arguments.num_layers, arguments.hidden_dim
        changes["num_heads"] = arguments.num_heads or max(1, arguments.hidden_dim // 64)
        changes["intermediate_dim"] = arguments.intermediate_dim or 4 * arguments.hidden_dim
        config = kbl.models.BertConfig(**changes)
    else:
        config = kbl.models.BertConfig.from_preset(arguments.preset, **changes)
    model = pretraining_model(config, source.objective, source.packed)

    total = phases[-1].end
    rate = arguments.learning_rate
    if rate is None:
        rate = 1e-4 if arguments.optimizer == "adamw" else 5e-3 * math.sqrt(phases[0].batch_size / 32768)
    make = kbl.training.adamw if arguments.optimizer == "adamw" else kbl.training.lamb
    loss, metric = kbl.training.MaskedLMLoss(), [kbl.training.MaskedLMAccuracy()]
    # As an object: a metric that `fit` has to create has the first step traced twice.
    pair_metric = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
    pairs = source.objective != "none"
    model.compile(
        make(
            rate,
            total,
            total // 10 if arguments.warmup_steps is None else arguments.warmup_steps,
            weight_decay=arguments.weight_decay,
            epsilon=1e-6,  # BERT's
            global_clipnorm=arguments.clip_norm or None,
        ),
        loss={"masked_lm": loss, "next_sentence": kbl.training.NextSentenceLoss()} if pairs else loss,
        weighted_metrics={"masked_lm": metric, "next_sentence": pair_metric} if pairs else metric,
        jit_compile=arguments.jit,  # all batches of a phase have one shape, so that XLA compiles each once
        steps_per_execution=arguments.steps_per_execution,
    )
    return model, config


def pretraining_model(config, objective: str, packed: bool) -> keras.Model:
    encoder = kbl.models.bert_encoder(config, pooler=objective != "none", packed=packed)
    return kbl.models.masked_lm(encoder) if objective == "none" else kbl.models.bert_pretrainer(encoder)


def settings(arguments, source, config, phases) -> dict:
    """What the numbers of the run depend on: a run is not gone on with under others."""
    names = [
        "batch_size",
        "optimizer",
        "learning_rate",
        "warmup_steps",
        "weight_decay",
        "clip_norm",
        "precision",
        "jit",
    ]
    names += ["seed", "deterministic", "mask_rate", "mask_strategy", "max_sequences", "held_out"]
    return {
        **{name: getattr(arguments, name) for name in names},
        "phases": arguments.phases,
        "objective": source.objective,
        "vocabulary": pretrain_data.vocabulary_fingerprint(source.tokenizer),
        **source.fingerprint,
        **config.to_dict(),
    }


def describe(arguments, source, model, config, phases, step: int) -> None:
    tokens = sum((phase.end - phase.begin) * phase.batch_size * phase.sequence_length for phase in phases)
    print(f"data    {source.description}, a vocabulary of {config.vocabulary_size:,}")
    print(
        f"model   {model.count_params():,} weights: {config.num_layers} layers of {config.hidden_dim}, "
        f"{arguments.precision}, {arguments.optimizer}"
    )
    shown = ", ".join(f"{p.sequence_length} for {p.end - p.begin:,} steps of {p.batch_size}" for p in phases)
    print(f"run     sequences of {shown}; {tokens:,} positions")
    if step:
        print(f"states  going on after step {step:,}")
    print(flush=True)


def train(arguments, source, phases, model, resume, callbacks) -> None:
    progress = callbacks[0]
    for phase in phases:
        if resume.step > phase.end:
            continue
        if resume.step == phase.begin:
            begin_positions(model, trained=max((p.sequence_length for p in phases if p.end <= phase.begin), default=0))
        # With the shapes of the phase before it, the functions would be traced for any shape.
        model.make_train_function(force=True)
        model.make_test_function(force=True)
        resume.fit(
            model,
            lambda step, phase=phase: progress.watch(source.training(phase, step - phase.begin), step),
            until=phase.end,
            steps_per_epoch=arguments.evaluate_every,
            validation_data=source.held_out(phase),
            callbacks=callbacks,
            verbose=0,
        )


def begin_positions(model: keras.Model, trained: int) -> None:
    """Lets positions that no phase has trained begin as copies of those before them (Beltagy et al. 2020, section 5).

    Their neighbours are then attended to from the first step on; from random vectors this is learned slowly.
    """
    table = model.get_layer("embeddings").position_embedding
    if 0 < trained < table.sequence_length:
        rows = np.arange(table.sequence_length) % trained
        table.position_embeddings.assign(keras.ops.take(table.position_embeddings, rows, axis=0))


def save(arguments, source, model, config, path: Path) -> Path:
    """Writes the model as others use it: in float32, for rows that are not packed."""
    with pretrain_models.unnoticed("float32"):
        plain = pretraining_model(config, source.objective, packed=False)
    plain.set_weights(model.get_weights())
    kbl.convert.save_pretrained(plain, path, source.tokenizer, overwrite=True)
    return path


def finish(arguments, model, progress, phases, pretrained: Path) -> None:
    """Figures, files and what to do next."""
    rows = progress.rows
    figure = pretrain_figure.draw(arguments.output / "curves.png", rows, [phase.end for phase in phases[:-1]])
    summary = {
        "steps": progress.step,
        "seconds": round(rows[-1]["seconds"], 1),
        "tokens": progress.tokens,
        "weights": model.count_params(),
        **median_of(rows, "tokens_per_second"),
        **median_of(rows, "share_of_peak"),
    }
    last = next((row for row in reversed(rows) if any(name.startswith("val_") for name in row)), {})
    for name in ("masked_lm_loss", "masked_lm_accuracy", "next_sentence_accuracy"):
        value = last.get(f"val_{name}", last.get(f"val_{name.removeprefix('masked_lm_')}"))
        if value is not None:
            summary[f"held_out_{name}"] = value
    if last:
        summary["held_out_perplexity"] = math.exp(summary["held_out_masked_lm_loss"])
    (arguments.output / "progress.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (arguments.output / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    print_summary(summary, figure, pretrained)


def median_of(rows: list[dict], name: str) -> dict[str, float]:
    values = [row[name] for row in rows if name in row]
    return {name: statistics.median(values)} if values else {}


def print_summary(summary: dict, figure: Path, pretrained: Path) -> None:
    forms = {
        "tokens": ("real tokens", "{:,}"),
        "tokens_per_second": ("  a second", "{:,.0f}"),
        "share_of_peak": ("  share of peak", "{:.1%}"),
        "held_out_masked_lm_loss": ("held-out loss", "{:.3f}"),
        "held_out_perplexity": ("  perplexity", "{:.1f}"),
        "held_out_masked_lm_accuracy": ("  masked words", "{:.1%}"),
        "held_out_next_sentence_accuracy": ("  sentence pairs", "{:.1%}"),
    }
    print(f"\nDone: {summary['steps']:,} steps in {clock(summary['seconds'])} minutes.\n")
    for name, (label, form) in forms.items():
        if name in summary:
            print(f"{label:<18}{form.format(summary[name])}")
    program = Path(__file__).with_name("convert_checkpoint.py")
    print(f"{'curves':<18}{figure}\n{'model':<18}{pretrained}")
    target = pretrained.with_name("huggingface")
    print(f"\nFor Hugging Face:\n\n    python {program} {pretrained} {target} --to huggingface")


if __name__ == "__main__":
    warnings.showwarning = lambda message, *_: print(f"Warning: {message}", file=sys.stderr)
    main()
