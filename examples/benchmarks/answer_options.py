"""The options of either side of the question answering comparison."""

import argparse


def parse_arguments(doc: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc.split("\n\n")[0])
    parser.add_argument("--data", required=True, help="file in SQuAD's format")
    parser.add_argument("--model", required=True, help="directory of a checkpoint")
    parser.add_argument("--output", required=True, help="file for the figures, as JSON")
    parser.add_argument("--fold", type=int, default=0, help="which fifth of the articles is tested, from 0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--sequence-length", type=int, default=384)
    parser.add_argument("--stride", type=int, default=128)
    parser.add_argument("--steps", type=int, help="stop after so many, to time them")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()
