"""Makes a classifier of texts smaller and faster by keeping its weights in eight bits, and says what that costs.

    python examples/quantize.py --model runs/classify --dev dev.tsv
    python examples/quantize.py --model runs/classify --dev dev.tsv --calibration train.tsv --threshold 0.005

`--model` is what `classify.py` wrote, or any checkpoint with a classifier that names its labels. Nothing is trained:
with `--calibration`, the ranges of activations are fixed by up to 512 of its texts; without, each text has its own.

It prints the score on `--dev`, the size of the weights and the milliseconds for a text before and after. If the score
is lower by more than `--threshold`, nothing is written and the status is 1. It writes below `--output`: the model as
`from_pretrained` reads it (`model/`), and as TensorFlow Serving does (`exported/1`). It takes a few predictions of all
of `--dev` with either model. The status is 2, with a message, when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import classify
    import keras
    import numpy as np
    from classify_arguments import METRICS
    from classify_data import Columns, Features, measured
    from classify_problems import make_problem
    from distill import milliseconds
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.compress
    import keras_bert_layers.convert
    import keras_bert_layers.models
    import keras_bert_layers.serving

CALIBRATION_TEXTS = 512


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        options.problem_type = "single_label"
        loaded, _ = classify.load(options, names=None)
        problem_type = kbl.models.problem_type_of(loaded.model)
        problem = make_problem(problem_type, kbl.models.labels_of(loaded.model), options.multi_label)
        metric = METRICS[problem_type][0]
        preprocessor = loaded.preprocessor(sequence_length=min(options.sequence_length, loaded.sequence_length))
        dev = measured(options.columns.read(options.dev), loaded.tokenizer)
        targets = problem.targets(dev.table)
        before = Features(loaded.model, preprocessor, options.batch_size)
        quantized = kbl.compress.quantize(
            loaded.model, options.dtype, calibration=options.calibration and calibration(options, before)
        )
    asked = {"before": before, "after": Features(quantized, preprocessor, options.batch_size)}
    scores = {name: problem.scores(targets, features.logits(dev)) for name, features in asked.items()}
    times = milliseconds(asked, dev, options.repeats)
    sizes = {name: megabytes(model) for name, model in (("before", loaded.model), ("after", quantized))}
    say("size", f"{sizes['before']:.1f} MB -> {sizes['after']:.1f} MB: {100 * sizes['after'] / sizes['before']:.0f} %")
    faster = times["before"] / times["after"]
    say("speed", f"{times['before']:.2f} ms -> {times['after']:.2f} ms a text: {faster:.2f} times as fast")
    print(f"{'score':9} ", end="")
    try:
        kbl.compress.check_quality({metric: scores["before"][metric]}, scores["after"], options.threshold)
    except ValueError as refusal:
        print("too low")
        print(f"not saved {refusal}", file=sys.stderr)
        return 1
    with refusing_bad_input():
        path = options.output / "model"
        kbl.convert.save_pretrained(quantized, path, loaded.tokenizer, loaded.labels, overwrite=True)
        say("saved", path)
        say("exported", kbl.serving.export(quantized, options.output / "exported", preprocessor))
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--model", required=True, help="what classify.py wrote, or a checkpoint with a classifier")
    parser.add_argument("--dev", type=Path, required=True, help="table to compare on")
    parser.add_argument("--dtype", choices=["int8", "bfloat16"], default="int8", help="of the weights")
    parser.add_argument("--calibration", type=Path, help="table of texts that fix the ranges of activations, for int8")
    parser.add_argument("--threshold", type=float, default=0.01, help="largest fall of the score that is accepted")
    parser.add_argument("--output", type=Path, default=Path("runs/quantize"), help="directory to write to")
    parser.add_argument("--text", default="text", help="column of the texts: a name, or a number from 0")
    parser.add_argument("--text-pair", help="column of the second texts")
    parser.add_argument("--label", default="label", help="column of the labels")
    parser.add_argument("--multi-label", metavar="SEPARATOR", help="between the labels of a text that may have several")
    parser.add_argument("--encoding", default="utf-8", help="of the tables")
    parser.add_argument("--sequence-length", type=int, default=128, help="tokens at which texts are cut")
    parser.add_argument("--batch-size", type=int, default=32, help="texts at once")
    parser.add_argument("--repeats", type=int, default=5, help="predictions of the whole --dev that are timed")
    options = parser.parse_args(arguments)
    if options.threshold < 0:
        parser.error(f"--threshold must not be negative. Received: {options.threshold}")
    for name in ("sequence_length", "batch_size", "repeats"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be positive. Received: {getattr(options, name)}")
    named = (
        int(column) if column is not None and column.isdigit() else column
        for column in (options.text, options.text_pair, options.label)
    )
    options.columns = Columns(*named, options.encoding)
    options.regression = False
    return options


def calibration(options: argparse.Namespace, features: Features) -> Iterator[dict]:
    """Batches of the texts that fix the ranges, from all over their table."""
    table = options.columns.read_texts(options.calibration)
    columns = (table.texts,) if table.pairs is None else (table.texts, table.pairs)
    rows = np.linspace(0, len(table) - 1, min(CALIBRATION_TEXTS, len(table))).astype(int)
    for start in range(0, len(rows), options.batch_size):
        yield features.of(
            tuple([column[row] for row in rows[start : start + options.batch_size]] for column in columns)
        )


def megabytes(model: keras.Model) -> float:
    """What the weights take."""
    return sum(weight.value.dtype.size * int(np.prod(weight.shape)) for weight in model.weights) / 1e6


def say(name: str, text) -> None:
    print(f"{name:9} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
