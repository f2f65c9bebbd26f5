"""The options of the classification script."""

import argparse
from pathlib import Path

import fine_tuning
from classify_data import Columns

# What each kind of answer can be chosen by; the first one is the default.
METRICS = {
    "single_label": ("accuracy", "macro_f1", "matthews"),
    "multi_label": ("micro_f1", "macro_f1", "exact_match"),
    "regression": ("spearman", "pearson"),
}


def parse_arguments(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """The options, checked, with `problem_type`, `columns` and `predict_path` made of them."""
    parser = argparse.ArgumentParser(
        description=description.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    fine_tuning.add_arguments(parser, output="runs/classify")
    data = parser.add_argument_group("data")
    data.add_argument("--train", type=Path, help="table to train on; without it the model is used as it is")
    data.add_argument("--dev", type=Path, help="table for early stopping; default: a tenth of --train")
    data.add_argument("--test", type=Path, help="table to score the final model on")
    data.add_argument("--predict", help="texts to answer: a table, a .txt with a text a line, or - for standard input")
    data.add_argument("--predictions", type=Path, help=".tsv or .jsonl for the answers; default: standard output")
    data.add_argument("--text", default="text", help="column of the texts: a name, or a number from 0")
    data.add_argument("--text-pair", help="column of the second texts")
    data.add_argument("--label", default="label", help="column of the labels")
    data.add_argument("--encoding", default="utf-8", help="of the tables")
    task = parser.add_argument_group("task")
    kind = task.add_mutually_exclusive_group()
    kind.add_argument("--multi-label", metavar="SEPARATOR", help="a text may have several labels, with this between")
    kind.add_argument("--regression", action="store_true", help="labels are numbers")
    task.add_argument("--metric", help="score whose best epoch is kept; default: accuracy, micro_f1 or spearman")
    task.add_argument("--class-weights", choices=("balanced",), help="let rare labels weigh as much as frequent ones")
    task.add_argument("--label-smoothing", type=float, default=0.0, help="share of a label given to all others")
    task.add_argument("--export", type=Path, help="folder for a SavedModel of the next version, for TensorFlow Serving")
    options = parser.parse_args(arguments)
    fine_tuning.check(parser, options)
    _check(parser, options)
    options.columns = Columns(
        _column(options.text), _column(options.text_pair), _column(options.label), options.encoding
    )
    options.predict_path = None if options.predict in (None, "-") else Path(options.predict)
    return options


def _check(parser, options) -> None:
    kind = "regression" if options.regression else "multi_label" if options.multi_label else "single_label"
    options.problem_type = kind
    if options.metric is None:
        options.metric = METRICS[kind][0]
    if options.metric not in METRICS[kind]:
        parser.error(f"--metric must be one of {', '.join(METRICS[kind])} for {kind}. Received: {options.metric}")
    if not any((options.train, options.dev, options.test, options.predict, options.export)):
        parser.error("nothing to do: pass --train, --test, --predict or --export")
    if options.class_weights and (kind != "single_label" or not options.train):
        parser.error("--class-weights goes with --train, and with labels of which a text has one")
    if not 0 <= options.label_smoothing < 1:
        parser.error(f"--label-smoothing is a share in [0, 1). Received: {options.label_smoothing}")
    if options.label_smoothing and options.regression:
        parser.error("--label-smoothing goes with labels, not with --regression")
    if options.predictions is not None:
        if options.predict is None:
            parser.error("--predictions is where the answers to --predict go; pass that too")
        if options.predictions.suffix not in (".tsv", ".jsonl"):
            parser.error(f"--predictions must end in .tsv or .jsonl. Received: {options.predictions}")
    elif options.predict is not None and options.train is not None:
        options.predictions = options.output / "predictions.tsv"  # training prints to the standard output


def _column(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdigit() else text
