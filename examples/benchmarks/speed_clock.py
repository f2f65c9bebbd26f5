"""How the comparison of speed takes the time."""

import statistics
import time
from collections.abc import Callable, Iterable

import numpy as np

Figures = dict[str, dict[str, float]]


def seconds_of(function: Callable, *arguments) -> float:
    """Of one call. The function has to wait for its result."""
    begin = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begin


def median_seconds(function: Callable, *arguments, repeats: int = 5, at_most: float = float("inf")) -> float:
    """The median of calls after one that does not count: `repeats`, or fewer when they took `at_most` seconds."""
    function(*arguments)
    times = [seconds_of(function, *arguments)]
    while len(times) < repeats and sum(times) < at_most:
        times.append(seconds_of(function, *arguments))
    return statistics.median(times)


def latency(answer: Callable[[str], object], texts: list[str]) -> Figures:
    """The milliseconds from one string to its logits, after ten that do not count."""
    for text in texts[:10]:
        answer(text)
    times = [1000 * seconds_of(answer, text) for text in texts]
    return {"one text": {"p50": float(np.percentile(times, 50)), "p99": float(np.percentile(times, 99))}}


def growth(forward: Callable[[np.ndarray], object], batches: Iterable[int], lengths: Iterable[int]) -> Figures:
    """The seconds of a forward pass at each batch and length, ids in."""
    figures = {}
    for batch in batches:
        for length in lengths:
            seconds = median_seconds(forward, token_ids(batch, length), repeats=5, at_most=2)
            figures[f"{batch} x {length}"] = {"seconds": seconds, "tokens_per_second": batch * length / seconds}
    return figures


def token_ids(batch: int, length: int) -> np.ndarray:
    """int32 [batch, length]: the same for all peers."""
    ids = np.random.default_rng(batch * length).integers(1000, 30000, (batch, length)).astype("int32")
    ids[:, 0], ids[:, -1] = 101, 102
    return ids


def pass_figures(seconds: float, lengths: np.ndarray, share: float = 1.0) -> dict[str, float]:
    """Of a pass over texts with so many tokens each; `share` of the texts were measured, at a fixed cost for each."""
    return {"seconds": seconds / share, "tokens_per_second": float(np.sum(lengths)) * share / seconds}


def dense_steps(steps: int) -> int:
    """How many steps without padding are timed, which are all alike, where `steps` of different work are."""
    return (steps + 1) // 2


def in_batches(texts: list, size: int) -> list[list]:
    return [texts[begin : begin + size] for begin in range(0, len(texts), size)]
