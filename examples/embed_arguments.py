"""The options of the embedding script."""

import argparse
from pathlib import Path

import fine_tuning

LOSSES = ("contrastive", "cosine", "cosent")
IN_FIGURE = 40


def parse_arguments(arguments: list[str] | None, description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        conflict_handler="resolve",
    )
    parser.add_argument("file", nargs="?", type=Path, help="texts to embed, one a line; default: the standard input")
    fine_tuning.add_arguments(parser, output="runs/embed", sequence_length=None)
    parser.add_argument("--learning-rate", type=float, help="at its peak; default: 2e-5, with --lora 1e-3")
    parser.add_argument("--pooling", choices=("mean", "max", "cls"), help="default: what the checkpoint says, or mean")
    use = parser.add_argument_group("use")
    use.add_argument("--query", action="append", help="print the texts nearest to this one; may come several times")
    use.add_argument("--queries", type=Path, help="the same for every line of a file")
    use.add_argument("--top", type=int, default=10, help="pairs or neighbours to print")
    use.add_argument("--vectors", type=Path, help="write the vectors to this .npy file")
    use.add_argument("--figure", type=Path, help=f"draw the similarities of up to {IN_FIGURE} texts: .png")
    use.add_argument("--export", type=Path, help="folder for a SavedModel of the next version, for TensorFlow Serving")
    data = parser.add_argument_group("pairs")
    data.add_argument("--train", type=Path, help="table of pairs to train on, or a .txt of single texts (SimCSE)")
    data.add_argument("--dev", type=Path, help="table for early stopping; default: a tenth of --train")
    data.add_argument("--test", type=Path, help="table to score the model on, trained or as it is")
    data.add_argument(
        "--columns", nargs="+", default=[], metavar="COLUMN", help="two texts, and a score or a hard negative"
    )
    task = parser.add_argument_group("loss")
    task.add_argument("--loss", choices=LOSSES, help="default: cosent for scored pairs, contrastive for others")
    task.add_argument("--scale", type=float, default=20.0, help="factor of the cosines in contrastive and cosent")
    task.add_argument("--symmetric", action="store_true", help="contrastive in both directions")
    task.add_argument("--min-score", type=float, help="of scored pairs, those that contrastive takes as belonging")
    options = parser.parse_args(arguments)
    if options.learning_rate is None and not options.lora:
        options.learning_rate = 2e-5  # most checkpoints that are trained here make good vectors already
    fine_tuning.check(parser, options)
    _check(parser, options)
    return options


def _check(parser, options) -> None:
    tables = [options.train, options.dev, options.test]
    if any(tables) and (options.file or options.query or options.queries or options.vectors or options.figure):
        parser.error("--train, --dev and --test go with pairs only: leave out the texts, --query, --vectors, --figure")
    if options.top < 1:
        parser.error(f"--top must be 1 or more. Received: {options.top}")
    if options.scale <= 0:
        parser.error(f"--scale must be positive. Received: {options.scale}")
    if len(options.columns) not in (0, 2, 3):
        parser.error(f"--columns are two or three. Received: {' '.join(options.columns)}")
    if (options.symmetric or options.min_score is not None) and options.loss not in (None, "contrastive"):
        parser.error("--symmetric and --min-score go with --loss contrastive")
    if options.loss and not options.train:
        parser.error("--loss goes with --train")
    for path, suffix in ((options.vectors, ".npy"), (options.figure, ".png")):
        if path is not None and path.suffix != suffix:
            parser.error(f"{path} must end in {suffix}")
