"""The options of either side of the fine-tuning comparison."""

import argparse

from finetune_tasks import TASKS


def make_parser(description: str) -> argparse.ArgumentParser:
    """The recipe's options; a side may add its own."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--data", required=True, help="folder with a folder for each data set")
    parser.add_argument("--model", required=True, help="directory of a checkpoint")
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--output", required=True, help="file for the figures, as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--steps", type=int, help="stop after so many, to time them")
    parser.add_argument("--threads", type=int, default=2)
    return parser
