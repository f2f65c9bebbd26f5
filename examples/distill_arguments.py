"""The options of the distillation script."""

import argparse
from pathlib import Path

import fine_tuning
from classify_arguments import METRICS
from classify_data import Columns


def parse_arguments(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """The options, checked, with `columns` made of them."""
    parser = argparse.ArgumentParser(
        description=description.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    fine_tuning.add_arguments(parser, output="runs/distill")
    data = parser.add_argument_group("data")
    data.add_argument("--train", type=Path, required=True, help="table that the teacher was trained on, or like it")
    data.add_argument("--dev", type=Path, help="table to compare teacher and student on; default: a tenth of --train")
    data.add_argument("--text", default="text", help="column of the texts: a name, or a number from 0")
    data.add_argument("--text-pair", help="column of the second texts")
    data.add_argument("--label", default="label", help="column of the labels")
    data.add_argument("--multi-label", metavar="SEPARATOR", help="between the labels of a text that may have several")
    data.add_argument("--encoding", default="utf-8", help="of the tables")
    student = parser.add_argument_group("student")
    student.add_argument("--layers", help="layers of the teacher to keep, such as 0,2,4; default: every other one")
    student.add_argument("--temperature", type=float, default=2.0, help="that softens the classes' probabilities")
    student.add_argument("--label-weight", type=float, default=0.5, help="share of the labels in the loss")
    student.add_argument("--hidden-weight", type=float, default=1.0, help="of the hidden states; 0: not learnt")
    student.add_argument("--metric", help="score to compare by; default: accuracy, micro_f1 or spearman")
    student.add_argument(
        "--max-drop", type=float, default=0.02, help="largest fall of it for which the student is kept"
    )
    student.add_argument("--repeats", type=int, default=5, help="predictions of the whole --dev that are timed")
    options = parser.parse_args(arguments)
    fine_tuning.check(parser, options)
    _check(parser, options)
    options.columns = Columns(
        _column(options.text), _column(options.text_pair), _column(options.label), options.encoding
    )
    return options


def metric_of(options: argparse.Namespace, problem_type: str) -> str:
    """The score to compare by, for the kind of answers that the teacher gives.

    Raises:
        ValueError: if there is no such score for them.
    """
    metric = options.metric or METRICS[problem_type][0]
    if metric not in METRICS[problem_type]:
        raise ValueError(
            f"--metric must be one of {', '.join(METRICS[problem_type])} for a {problem_type} classifier. "
            f"Received: {metric}"
        )
    return metric


def _check(parser, options) -> None:
    if options.lora or options.freeze_layers:
        parser.error("all of a student is trained: leave out --lora and --freeze-layers")
    if options.layers is not None:
        try:
            options.layers = [int(number) for number in options.layers.split(",")]
        except ValueError:
            parser.error(f"--layers are numbers with commas between, such as 0,2,4. Received: {options.layers}")
    for name in ("temperature", "repeats"):
        if getattr(options, name) <= 0:
            parser.error(f"--{name} must be positive. Received: {getattr(options, name)}")
    if not 0 <= options.label_weight < 1:
        parser.error(f"--label-weight is a share in [0, 1). Received: {options.label_weight}")
    for name in ("hidden_weight", "max_drop"):
        if getattr(options, name) < 0:
            parser.error(f"--{name.replace('_', '-')} must not be negative. Received: {getattr(options, name)}")


def _column(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdigit() else text
