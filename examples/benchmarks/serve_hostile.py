"""Sends broken and hostile strings through an exported model: each must get its answer, whatever it stands beside.

    python examples/benchmarks/serve_hostile.py exported/sentiment/1
    python examples/benchmarks/serve_hostile.py exported/sentiment/1 --count 1000000 --batch-size 256

The strings are invalid UTF-8, control characters, special tokens, bidirectional marks, long runs of accents, cut and
mixed scripts, and a dozen strings of a megabyte. All are answered twice: in batches, and shuffled in batches of another
size; a string's two answers may differ by 1e-5, its labels not at all. It prints how many were answered and how many
answers differed, and ends with status 1 if there are any. A tiny model takes a minute for 100,000.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import numpy as np
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  the operations of the exported tokenizer
    from benchmarks.hostile_bytes import hostile_bytes, megabytes
    from text_input import refusing_bad_input

Ask = Callable[[list[bytes]], dict[str, np.ndarray]]


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        ask = text_endpoint(options.model, options.prefix.encode())
    texts = hostile_bytes(options.count, options.seed)
    begin = time.perf_counter()
    answers = answers_of(ask, texts, options.batch_size, range(len(texts)))
    seconds = time.perf_counter() - begin
    print(f"{len(answers):,} strings answered, {len(texts) / seconds:,.0f} a second in batches of {options.batch_size}")
    order = np.random.default_rng(options.seed).permutation(len(texts))
    again = answers_of(ask, texts, max(1, options.batch_size // 3), order)
    differing = [text for text, one, other in zip(texts, answers, again, strict=True) if not same(one, other)]
    print(f"{len(differing):,} answered otherwise in another order and batches of {max(1, options.batch_size // 3)}")
    for text in differing[:5]:
        print("   ", text[:60])
    for name, text in megabytes(options.seed).items():
        begin = time.perf_counter()
        ask([text])
        print(f"a megabyte of {name}: answered in {time.perf_counter() - begin:.2f} s")
    return 1 if differing else 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", type=Path, help="the directory of an exported version")
    parser.add_argument("--count", type=int, default=100_000, help="strings")
    parser.add_argument("--batch-size", type=int, default=64, help="of the first pass; the second has a third of it")
    parser.add_argument("--prefix", default="", help="in front of every string; a masked LM needs '[MASK] '")
    parser.add_argument("--seed", type=int, default=0, help="of the strings and their order")
    return parser.parse_args(arguments)


def text_endpoint(path: Path, prefix: bytes = b"") -> Ask:
    """The `text` signature as a function of strings; where it has two inputs, both are the same string.

    Raises:
        ValueError: if it has none.
    """
    loaded = tf.saved_model.load(str(path))
    if "text" not in loaded.signatures:
        raise ValueError(f"{path} has no endpoint `text`, but {', '.join(sorted(loaded.signatures))}.")
    names = loaded.signatures["text"].structured_input_signature[1]

    def ask(texts):
        strings = tf.constant([prefix + text for text in texts])
        outputs = loaded.signatures["text"](**dict.fromkeys(names, strings))
        return {name: value.numpy() for name, value in outputs.items()}

    return ask


def answers_of(ask: Ask, texts: list[bytes], batch_size: int, order: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """The answer to each text, asked in batches in `order`; the first `count` of lists that were padded to a batch.

    Raises:
        ValueError: if a batch has not one answer for each text.
    """
    answers = [None] * len(texts)
    for begin in range(0, len(order), batch_size):
        chosen = order[begin : begin + batch_size]
        outputs = ask([texts[number] for number in chosen])
        if {len(value) for value in outputs.values()} != {len(chosen)}:
            shapes = {name: value.shape for name, value in outputs.items()}
            raise ValueError(f"{len(chosen)} texts must have as many answers. Received: {shapes}.")
        for row, number in enumerate(chosen):
            answers[number] = {name: value[row] for name, value in outputs.items()}
            if (count := answers[number].get("count")) is not None:
                answers[number] = {
                    key: each[:count] if np.ndim(each) else each for key, each in answers[number].items()
                }
    return answers


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray], tolerance: float = 1e-5) -> bool:
    """Whether two answers are the same up to rounding; numbers that are none are never."""
    return one.keys() == other.keys() and all(_same_values(one[name], other[name], tolerance) for name in one)


def _same_values(one, other, tolerance):
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return False
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance))
    return bool(np.array_equal(one, other))


if __name__ == "__main__":
    sys.exit(main())
