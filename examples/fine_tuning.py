"""What the fine-tuning scripts share: their options, the training with early stopping and exact resumption, and saving.

A script loads a checkpoint with a head for its task, makes batches and a function that scores the model, and calls
`train` and `save` from here.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_bert_layers as kbl

# What the numbers of a run depend on: a run is not gone on with under others.
_SETTINGS = (
    "model",
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "warmup",
    "layer_decay",
    "freeze_layers",
    "lora",
    "lora_targets",
    "sequence_length",
    "seed",
)


def add_arguments(parser: argparse.ArgumentParser, output: str, sequence_length: int = 128) -> None:
    """The options of every script; `output` and `sequence_length` are their defaults."""
    parser.add_argument("--model", required=True, help="a checkpoint's directory, or a name on the Hugging Face hub")
    parser.add_argument("--output", type=Path, default=Path(output), help="folder of the run and its results")
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", type=int, default=3)
    group.add_argument("--batch-size", type=int, default=32)
    group.add_argument("--learning-rate", type=float, help="at its peak; default: 5e-5, with --lora 1e-3")
    group.add_argument("--weight-decay", type=float, default=0.01)
    group.add_argument("--warmup", type=float, default=0.1, help="share of the steps in which the rate rises")
    group.add_argument("--layer-decay", type=float, default=1.0, help="rate of a layer over that of the one above it")
    group.add_argument("--freeze-layers", type=int, default=0, help="lowest blocks, and the embeddings, not to train")
    group.add_argument("--lora", type=int, default=0, metavar="RANK", help="train low-rank changes of matrices only")
    group.add_argument(
        "--lora-targets",
        nargs="+",
        default=["query", "value"],
        metavar="NAME",
        help="which matrices: query, key, value, output, inner, outer; default: query value",
    )
    group.add_argument("--patience", type=int, help="epochs without a better score before it stops; default: all run")
    group.add_argument("--sequence-length", type=int, default=sequence_length, help="longest input, in tokens")
    group.add_argument("--seed", type=int, default=0)


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends the program if an option makes no sense; fills in the learning rate."""
    for name in ("epochs", "batch_size", "sequence_length", "learning_rate", "layer_decay", "patience"):
        value = getattr(options, name)
        if value is not None and value <= 0:
            parser.error(f"--{name.replace('_', '-')} must be positive. Received: {value}")
    for name in ("weight_decay", "warmup", "freeze_layers", "lora", "seed"):
        if getattr(options, name) < 0:
            parser.error(f"--{name.replace('_', '-')} must not be negative. Received: {getattr(options, name)}")
    if options.warmup >= 1:
        parser.error(f"--warmup is a share of the steps, below 1. Received: {options.warmup}")
    if options.lora and options.freeze_layers:
        parser.error("--lora trains no layer's own weights: leave out --freeze-layers")
    if options.learning_rate is None:
        options.learning_rate = 1e-3 if options.lora else 5e-5


def train(
    options: argparse.Namespace,
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    steps_per_epoch: int,
    evaluate: Callable[[], Mapping[str, float]],
    monitor: str,
    mode: str = "max",
    settings: Mapping | None = None,
    fit_arguments: Mapping | None = None,
    **compile_arguments,
) -> list[dict[str, float]]:
    """Trains `model` in place; at the end it has the weights of its best epoch.

    The same program run again goes on where it was killed, from the states in `options.output/"states"`.

    Args:
        options: of `add_arguments`, after `check`.
        model: with its head. Its rates, its frozen parts and LoRA follow from the options.
        batches: step -> endless batches from that step on.
        steps_per_epoch: batches of an epoch.
        evaluate: () -> scores on the held-out examples, by name.
        monitor: the name of the score whose best epoch is kept.
        mode: `"max"` or `"min"`, which is better.
        settings: what else the run depends on.
        fit_arguments: of `fit`, such as `class_weight`.
        **compile_arguments: of `compile`: loss, metrics.

    Returns:
        A dict for each epoch: `epoch`, `seconds` of training since the last one, the logs.
    """
    if options.freeze_layers:
        kbl.models.freeze(model, blocks=options.freeze_layers)
    if options.lora:
        kbl.compress.add_lora(model, options.lora, targets=options.lora_targets)
    total = options.epochs * steps_per_epoch
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(
        f"training  {trained:,} of {model.count_params():,} weights, {options.epochs} epochs of {steps_per_epoch} steps"
    )
    model.compile(
        kbl.training.adamw(
            options.learning_rate,
            total,
            min(total - 1, round(options.warmup * total)),
            weight_decay=options.weight_decay,
            layer_decay=options.layer_decay,
        ),
        **compile_arguments,
    )
    progress = kbl.training.TrainingProgress(total, every=max(1, min(50, steps_per_epoch // 4)))
    best = keras.callbacks.EarlyStopping(
        monitor=f"val_{monitor}", mode=mode, patience=options.patience or options.epochs, restore_best_weights=True
    )
    clock = EpochClock()
    run = {name: getattr(options, name) for name in _SETTINGS}
    resume = kbl.training.Resume(
        options.output / "states",
        every=steps_per_epoch,
        keep=1,
        settings={**run, "steps_per_epoch": steps_per_epoch, **(settings or {})},
    )
    callbacks = [clock, kbl.training.EpochScores(evaluate), best, progress]
    step = resume.restore(model, callbacks)
    if step:
        print(f"          going on after step {step:,}")
    history = resume.fit(
        model,
        batches,
        until=total,
        steps_per_epoch=steps_per_epoch,
        callbacks=callbacks,
        verbose=0,
        **(fit_arguments or {}),
    )
    logs = {name: values for name, values in history.history.items() if len(values) == len(history.epoch)}
    rows = [{name: float(values[i]) for name, values in logs.items()} for i in range(len(history.epoch))]
    rows = [{"epoch": epoch + 1, **row} for epoch, row in zip(history.epoch, rows, strict=True)]
    scores = [row[f"val_{monitor}"] for row in rows]
    kept = scores.index(max(scores) if mode == "max" else min(scores)) + 1
    print(f"kept      the weights of epoch {kept}, {monitor.replace('_', ' ')} {scores[kept - 1]:.4f}")
    return rows


class EpochClock(keras.callbacks.Callback):
    """Puts the seconds of each epoch's training, without the evaluation behind it, into the logs."""

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.iterations.numpy()  # waits until the steps are done
        logs["seconds"] = time.perf_counter() - self.begin


def merged(model: keras.Model) -> keras.Model:
    """The model as others use it: LoRA's changes, if there are any, added to the matrices."""
    return kbl.compress.merge_lora(model) if kbl.compress.has_lora(model) else model


def save(
    options: argparse.Namespace,
    model: keras.Model,
    tokenizer,
    results: Mapping,
    labels: list[str] | None = None,
) -> Path:
    """Writes the model as `from_pretrained` reads it, to `options.output/"model"`, and `results.json` beside it."""
    path = options.output / "model"
    kbl.convert.save_pretrained(
        merged(model), path, tokenizer, labels, sequence_length=options.sequence_length, overwrite=True
    )
    text = json.dumps(results, indent=2, ensure_ascii=False, default=float)
    (options.output / "results.json").write_text(text + "\n", encoding="utf-8")
    return path


def next_version(folder: Path) -> Path:
    """The next free number below `folder`, as TensorFlow Serving counts versions."""
    taken = [int(child.name) for child in folder.glob("*") if child.name.isdigit()]
    return folder / str(max(taken, default=0) + 1)
