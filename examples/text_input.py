"""What the scripts on texts share: reading lines, a bar, and how bad input is refused."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from quickstart_progress import clock

# Texts that are tokenized together to be measured: the tokens of a whole corpus would take more room than its texts.
_AT_ONCE = 10_000


@contextlib.contextmanager
def refusing_bad_input() -> Iterator[None]:
    """Ends the program with status 2 and the message alone, without a traceback, when the input is at fault."""
    try:
        yield
    except (OSError, ValueError, ImportError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def read_lines(path: Path | None) -> list[str]:
    """The lines of a UTF-8 file, or of the standard input for None, without the empty ones.

    Raises:
        ValueError: if there is no text, or it is not UTF-8.
    """
    place = "the standard input" if path is None else path
    try:
        text = sys.stdin.read() if path is None else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} must be text in UTF-8: {error}.") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"There is no text in {place}. Expected one text a line.")
    return lines


def count_tokens(tokenizer, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """int [N] and int [N]: the tokens of each text, and how many of them are words that the tokenizer does not know."""
    counts, unknown = np.zeros((2, len(texts)), int)
    for start in range(0, len(texts), _AT_ONCE):
        tokens = tokenizer.tokenize(texts[start : start + _AT_ONCE])
        counts[start : start + _AT_ONCE] = tokens.row_lengths()
        unknown[start : start + _AT_ONCE] = tf.reduce_sum(tf.cast(tokens == tokenizer.unk_id, tf.int32), axis=1)
    return counts, unknown


def compiled(function: Callable, model: keras.Model) -> Callable:
    """`function` of a model's features as a graph that is made once, for batches of any size and length."""
    shapes = {name: tf.TensorSpec((None, None), tf.int32) for name in model.input}
    graph = tf.function(function, input_signature=[shapes])
    return lambda features: graph({name: features[name] for name in shapes})


def with_bar(batches: list[np.ndarray], name: str) -> Iterator[np.ndarray]:
    """The batches one by one, with a bar on the standard error if that is a terminal and it takes over a second."""
    total, done, begin, last_drawn = sum(map(len, batches)), 0, time.time(), time.time() + 0.8
    drawn = False
    for batch in batches:
        yield batch
        done += len(batch)
        if sys.stderr.isatty() and time.time() - last_drawn > 0.2:
            share, last_drawn, drawn = done / total, time.time(), True
            left = (time.time() - begin) * (1 - share) / share
            bar = f"[{'=' * round(20 * share):20}]"
            print(f"\r\033[K{name}  {bar}  {done:,}/{total:,}  {clock(left)} left", end="", file=sys.stderr, flush=True)
    if drawn:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
