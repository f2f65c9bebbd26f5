"""How attention heads form during pretraining: what each of them looks at, model by model.

    python examples/pretrain.py --corpus texts --phases 128:5000 --evaluate-every 250 --model-every 500
    python examples/explain_pretraining.py --checkpoints pretrain-out/models/* --texts texts.txt
    python examples/explain_pretraining.py --checkpoints pretrain-out/models/* bert-base --output heads.png "A text."

It takes the models of one run in their order, or any others with as many layers and heads, and texts from the arguments
or from a file, one a line (-: the standard input). For each model it measures, over all tokens of the texts that are
words, the mean weight of every head on: the token itself, the one before, the one after, [CLS], [SEP], and the other
places of the same token; and the entropy, as a share of its greatest. It draws a line for each head and writes all
numbers beside the picture (`heads.json`).

A dozen texts and ten models of four layers take half a minute on two cores. The status is 0, or 2 with a message when
the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import json
import re
import sys
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    from explain_habits import HABITS, draw_habits, habits_of
    from text_input import read_lines, refusing_bad_input, with_bar

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.interpret


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        texts = [*options.text]
        if options.texts is not None:
            texts += read_lines(None if options.texts == "-" else Path(options.texts))
        measured = []
        for [number] in with_bar([np.array([each]) for each in range(len(options.checkpoints))], "looking"):
            measured.append(measure(options.checkpoints[number], texts, options.sequence_length))
            if measured[-1].shape != measured[0].shape:
                raise ValueError(
                    f"{options.checkpoints[number]} has {measured[-1].shape[1:]} layers and heads, and "
                    f"{options.checkpoints[0]} has {measured[0].shape[1:]}. Only models of one shape are compared."
                )
        values = np.stack(measured)
        names = names_of(options.checkpoints)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        draw_habits(values, names).savefig(options.output, dpi=100)
        numbers = {
            "checkpoints": [str(path) for path in options.checkpoints],
            "texts": len(texts),
            "axes": ["checkpoint", "layer", "head"],
            "values": {habit: values[:, place].round(5).tolist() for place, habit in enumerate(HABITS)},
        }
        path = options.output.with_suffix(".json")
        path.write_text(json.dumps(numbers), encoding="utf-8")
    print("\n".join(summary(values, names)))
    print(f"figure  {options.output}\nnumbers {path}")
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("text", nargs="*", help="texts to read; after --checkpoints, put -- before them")
    parser.add_argument("--texts", help="file with a text a line, or - for the standard input")
    parser.add_argument("--checkpoints", nargs="+", required=True, type=Path, help="models, in the order to draw")
    parser.add_argument("--sequence-length", type=int, default=128, help="tokens at which texts are cut")
    parser.add_argument("--output", type=Path, default=Path("heads.png"), help="picture to write")
    options = parser.parse_args(arguments)
    if not options.text and options.texts is None:
        parser.error("no text: give some as arguments, or --texts")
    if options.sequence_length < 4:
        parser.error("--sequence-length must be 4 or more")
    return options


def measure(path: Path, texts: list[str], sequence_length: int) -> np.ndarray:
    """float [habits, layers, heads]: means over the words of all texts."""
    loaded = kbl.convert.from_pretrained(path, task="encoder")
    preprocessor = loaded.preprocessor(sequence_length=min(sequence_length, loaded.sequence_length))
    seen = kbl.interpret.inspect(loaded.model, preprocessor, texts)
    return habits_of(seen)


def names_of(paths: list[Path]) -> list[str]:
    """The number of steps where a directory has it in its name, or else the name."""
    steps = [re.fullmatch(r"step-0*(\d+)", path.name) for path in paths]
    return [f"{int(step[1]):,}" if step else path.name for step, path in zip(steps, paths, strict=True)]


def summary(values: np.ndarray, names: list[str]) -> list[str]:
    """For each habit, the head that has most of it in the last model, and its way there."""
    lines = []
    for place, habit in enumerate(HABITS):
        last = values[-1, place]
        layer, head = np.unravel_index((last.argmin if habit == "entropy" else last.argmax)(), last.shape)
        most = "least" if habit == "entropy" else "most"
        shown = sorted({0, len(names) // 2, len(names) - 1})
        way = "  ".join(f"{names[number]}: {values[number, place, layer, head]:.2f}" for number in shown)
        lines.append(f"{habit:14} {most} in layer {layer}, head {head}   {way}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
