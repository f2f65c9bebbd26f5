"""What `pretrain.py` can be told."""

import argparse
import sys
from pathlib import Path

from keras_bert_layers.models import PRESETS

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
# In place of the defaults, to see that all works.
SMOKE = {
    "phases": "16:6:4,24:4:2",
    "batch_size": 4,
    "vocabulary_size": 200,
    "num_layers": 1,
    "hidden_dim": 32,
    "evaluate_every": 4,
    "evaluation_batches": 2,
    "checkpoint_every": 2,
    "report_every": 2,
    "jit": False,
}


def parse(command: list[str] | None, description: str) -> argparse.Namespace:
    """The arguments of a command line, by default the program's own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )
    text = parser.add_argument_group("text")
    source = text.add_mutually_exclusive_group(required=True)
    source.add_argument("--corpus", nargs="+", help="files and folders of text")
    source.add_argument("--records", nargs="+", type=Path, help="a folder of records, or one for each phase")
    text.add_argument(
        "--layout", choices=["sentences", "prose", "paragraphs"], default="sentences", help="of the texts"
    )
    text.add_argument("--vocabulary", help="a vocab.txt; default: learned from the texts, or that of the records")
    text.add_argument("--vocabulary-size", type=int, default=8000, help="to learn")
    text.add_argument("--cased", action="store_true", help="keep capitals and accents of the texts")
    text.add_argument("--held-out", type=float, default=0.02, help="share of documents or shards to evaluate on")

    examples = parser.add_argument_group("examples")
    examples.add_argument("--objective", choices=["none", "next_sentence", "sentence_order"], default="next_sentence")
    examples.add_argument("--max-sequences", type=int, default=1, help="to pack into one row")
    examples.add_argument("--mask-rate", type=float, default=0.15)
    examples.add_argument("--mask-strategy", choices=["token", "whole_word", "span"], default="token")

    sizes = parser.add_argument_group("model")
    sizes.add_argument("--preset", help=f"one of {', '.join(PRESETS)}; default: the sizes below")
    sizes.add_argument("--num-layers", type=int, default=4)
    sizes.add_argument("--hidden-dim", type=int, default=256)
    sizes.add_argument("--num-heads", type=int, help="default: one for each 64 of --hidden-dim")
    sizes.add_argument("--intermediate-dim", type=int, help="default: four times --hidden-dim")
    sizes.add_argument("--dropout", type=float, default=0.1)

    training = parser.add_argument_group("training")
    training.add_argument("--phases", help="LENGTH:STEPS[:BATCH],…; default: one of --steps")
    training.add_argument("--steps", type=int, default=10_000, help="without --phases")
    training.add_argument("--batch-size", type=int, default=32)
    training.add_argument("--optimizer", choices=["adamw", "lamb"], default="adamw")
    training.add_argument("--learning-rate", type=float, help="default: 1e-4, for LAMB 5e-3 · √(batch / 32768)")
    training.add_argument("--warmup-steps", type=int, help="default: a tenth of all")
    training.add_argument("--weight-decay", type=float, default=0.01)
    training.add_argument("--clip-norm", type=float, default=1.0, help="longest gradient; 0 for no clipping")
    training.add_argument("--precision", choices=POLICIES, default="float32")
    training.add_argument("--jit", action=argparse.BooleanOptionalAction, default=True, help="compile with XLA")
    training.add_argument(
        "--steps-per-execution", type=int, default=1, help="which Keras takes without a look in between"
    )
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--deterministic", action="store_true", help="the same bits again, at some cost of speed")

    reports = parser.add_argument_group("states and reports")
    reports.add_argument("--output", type=Path, default=Path("pretrain-out"), help="folder to write to")
    reports.add_argument("--checkpoint-every", type=int, default=500, help="steps")
    reports.add_argument("--keep", type=int, default=3, help="states")
    reports.add_argument("--evaluate-every", type=int, default=500, help="steps")
    reports.add_argument(
        "--model-every", type=int, default=0, help="steps after which the model is saved below models/; 0 for never"
    )
    reports.add_argument("--evaluation-batches", type=int, default=50)
    reports.add_argument("--report-every", type=int, default=50, help="steps")
    reports.add_argument("--peak-tflops", type=float, help="of the device; default: known by its name")
    reports.add_argument("--tensorboard", action="store_true", help="write scalars too")
    reports.add_argument("--smoke", action="store_true", help="the smallest sizes, to see that all works")

    command = sys.argv[1:] if command is None else command
    if "--smoke" in command:
        parser.set_defaults(**SMOKE)
    return parser.parse_args(command)
