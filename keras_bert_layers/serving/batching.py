"""How a server joins the requests of many clients to batches."""

from collections.abc import Sequence
from pathlib import Path

FILE = "batching_params.pbtxt"


def check_batch_sizes(batch_sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes in order.

    Raises:
        ValueError: if there are none, or one is not positive.
    """
    if not batch_sizes or any(not isinstance(size, int) or size < 1 for size in batch_sizes):
        raise ValueError(f"`batch_sizes` must be positive numbers of rows. Received: {tuple(batch_sizes)}.")
    return tuple(sorted(set(batch_sizes)))


def write_batching(path: Path, batch_sizes: Sequence[int], timeout_micros: int = 2000) -> None:
    """Writes a text-format `BatchingParameters`, for `--enable_per_model_batching_parameters`.

    Args:
        path: of the file.
        batch_sizes: that occur: a batch is filled up to the next of them; the last one is the largest.
        timeout_micros: how long a request waits for others. Defaults to 2000.
    """
    lines = [
        f"max_batch_size {{ value: {batch_sizes[-1]} }}",
        f"batch_timeout_micros {{ value: {timeout_micros} }}",
        "max_enqueued_batches { value: 1000 }",
        *(f"allowed_batch_sizes: {size}" for size in batch_sizes),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
