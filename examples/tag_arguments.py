"""The options of the tagging script."""

import argparse
from pathlib import Path

import fine_tuning

from keras_bert_layers.data.tasks.tag_schemes import SCHEMES


def parse_arguments(arguments: list[str] | None, description: str) -> argparse.Namespace:
    """The options, checked; `predict_path` is None for the standard input."""
    parser = argparse.ArgumentParser(
        description=description.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    fine_tuning.add_arguments(parser, output="runs/tag")
    data = parser.add_argument_group("data")
    data.add_argument("--train", type=Path, help="columns to train on; without it the model is used as it is")
    data.add_argument("--dev", type=Path, help="columns for early stopping; default: a tenth of --train")
    data.add_argument("--test", type=Path, help="columns to score the final model on")
    data.add_argument("--word-column", type=int, help="from 0; default: 0, in a .conllu file 1")
    data.add_argument("--tag-column", type=int, help="from 0; default: the last, in a .conllu file 3")
    data.add_argument("--separator", help="between columns; default: a tab if there is one, else spaces")
    data.add_argument("--encoding", default="utf-8", help="of the files")
    raw = data.add_mutually_exclusive_group()
    raw.add_argument("--predict", help="raw texts to find entities in, one a line; - for the standard input")
    raw.add_argument("--predict-conll", type=Path, help="a word a line, to be tagged")
    data.add_argument("--predictions", type=Path, help="file for the answers; default: the standard output")
    task = parser.add_argument_group("task")
    task.add_argument("--part-of-speech", action="store_true", help="tags are of words alone and mark no entities")
    task.add_argument("--scheme", choices=tuple(SCHEMES), help="of the entity tags; default: what the tags tell")
    task.add_argument("--pieces", choices=("first", "all"), default="first", help="pieces of a word that are trained")
    task.add_argument("--export", type=Path, help="folder for a SavedModel of the next version, for TensorFlow Serving")
    options = parser.parse_args(arguments)
    fine_tuning.check(parser, options)
    _check(parser, options)
    options.predict_path = None if options.predict in (None, "-") else Path(options.predict)
    return options


def _check(parser, options) -> None:
    predicts = options.predict is not None or options.predict_conll is not None
    if not any((options.train, options.dev, options.test, predicts, options.export)):
        parser.error("nothing to do: pass --train, --test, --predict, --predict-conll or --export")
    if options.part_of_speech and options.scheme is not None:
        parser.error("--scheme is of entity tags: leave it out, or --part-of-speech")
    if options.part_of_speech and options.predict is not None:
        parser.error("--predict finds entities; with --part-of-speech pass words to --predict-conll")
    if options.predictions is not None and not predicts:
        parser.error("--predictions is where the answers to --predict or --predict-conll go; pass one of them too")
    if predicts and options.predictions is None and options.train is not None:
        # Training prints to the standard output.
        options.predictions = options.output / ("predictions.jsonl" if options.predict else "predictions.conll")
