"""How many batches an epoch over records has, and which rows are in them."""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keras_bert_layers.data.records.ragged_columns import Columns, joined, rows
from keras_bert_layers.data.records.record_epochs import RecordEpochs
from keras_bert_layers.data.records.record_metadata import read_metadata


@dataclass(frozen=True)
class RecordSteps:
    """The batches of one of several workers, epoch by epoch.

    Of each `num_workers · batch_size` rows of an epoch, worker w gets the w-th `batch_size`: the batches of all workers
    together are the same for any number of workers, as long as the product is.
    """

    order: RecordEpochs
    batch_size: int
    num_workers: int
    worker: int
    drop_remainder: bool

    def __post_init__(self):
        if self.batch_size < 1 or not 0 <= self.worker < self.num_workers:
            raise ValueError(
                "`batch_size` must be positive, and `worker` one of 0 … `num_workers` - 1. Received: "
                f"batch_size={self.batch_size}, worker={self.worker}, num_workers={self.num_workers}."
            )

    def of(self, epoch: int) -> int:
        """Global batches in an epoch."""
        step, total = self.batch_size * self.num_workers, self.order.num_rows(epoch)
        return total // step if self.drop_remainder else -(-total // step)

    def of_worker(self, epoch: int) -> int:
        """Batches of this worker: in the last step of an epoch there may be no rows for it."""
        step, total = self.batch_size * self.num_workers, self.order.num_rows(epoch)
        has_rest = not self.drop_remainder and total % step > self.worker * self.batch_size
        return total // step + int(has_rest)

    def after(self, start_step: int, epoch: int, stop: int | None) -> tuple[int, int]:
        """The epoch in which a run goes on after `start_step` batches, and how many of its batches are used up.

        Raises:
            ValueError: if the epoch has no batch, or the run ends before.
        """
        size = self.of(epoch)
        if not size:
            raise ValueError(
                f"The records give {self.order.num_rows(epoch)} rows, which is less than one batch of "
                f"{self.batch_size} for each of {self.num_workers} worker(s). Use a smaller `batch_size`, "
                "drop_remainder=False, or more shards."
            )
        used = start_step
        while used >= size and (stop is None or epoch + 1 < stop):
            used, epoch = used - size, epoch + 1
            size = self.of(epoch)
        if used >= size:
            raise ValueError(
                f"`start_step` is {start_step}, and the data set ends {used - size} batches before it. Nothing is left "
                "to train on: raise `epochs`."
            )
        return epoch, used

    def batches(self, epoch: int, stop: int | None, used: int = 0) -> Iterator[tuple[int, Columns]]:
        """The epoch and the rows of each batch, without the first `used` of the first epoch; `stop` ends before one."""
        for number in itertools.count(epoch) if stop is None else range(epoch, stop):
            yield from ((number, rows) for rows in self._of_epoch(number, used if number == epoch else 0))

    def _of_epoch(self, epoch: int, used: int) -> Iterator[Columns]:
        step, rest = self.batch_size * self.num_workers, []
        for group in self.order.rows(epoch, used * step):
            block = joined([*rest, group])
            whole = _num_rows(block) // step * step
            for begin in range(self.worker * self.batch_size, whole, step):
                yield rows(block, begin, begin + self.batch_size)
            rest = [rows(block, whole, _num_rows(block))]
        begin = self.worker * self.batch_size
        if rest and not self.drop_remainder and begin < _num_rows(rest[0]):
            yield rows(rest[0], begin, min(begin + self.batch_size, _num_rows(rest[0])))


@dataclass(frozen=True)
class RecordEpoch:
    """One epoch over records, in numbers.

    Args:
        steps: batches, for each worker.
        rows: rows of all workers, those in no whole batch included.
        tokens: real tokens in these rows, with special tokens.
        fill: float, the share of all positions that hold a token.
    """

    steps: int
    rows: int
    tokens: int
    fill: float


def record_epoch(
    directory: str | os.PathLike,
    batch_size: int,
    epoch: int = 0,
    seed: int = 0,
    shuffle: bool = True,
    shuffle_shards: int = 4,
    drop_remainder: bool = True,
    max_sequences: int = 1,
    shards: Sequence[int] | None = None,
    num_workers: int = 1,
) -> RecordEpoch:
    """How many steps and tokens an epoch of `record_dataset` has, from the metadata alone.

    With packing, epochs differ by a few rows when the shards are mixed in another way.

    Args:
        directory, batch_size, seed, shuffle, shuffle_shards, drop_remainder, max_sequences, shards, num_workers: as in
            `record_dataset`.
        epoch: int ≥ 0. Which epoch. Defaults to 0.

    Returns:
        A `RecordEpoch`.

    Raises:
        FileNotFoundError, ValueError: as `record_dataset`.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_bert_layers.data import RecordSettings, prepare_records
        >>> from keras_bert_layers.text import BertTokenizer
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains"])
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = folder.joinpath("corpus.txt").write_text("it rains\\n\\nit\\n\\nit rains it rains")
        >>> settings = RecordSettings(sequence_length=8, objective="none", short_sequence_probability=0.0)
        >>> _ = prepare_records(folder / "corpus.txt", folder, tokenizer, settings)
        >>> record_epoch(folder, batch_size=1)
        RecordEpoch(steps=3, rows=3, tokens=13, fill=0.5416666666666666)
        >>> record_epoch(folder, batch_size=1, max_sequences=4)
        RecordEpoch(steps=2, rows=2, tokens=13, fill=0.8125)
    """
    metadata = read_metadata(directory)
    order = RecordEpochs(os.fspath(directory), metadata, shards, seed, shuffle, shuffle_shards, max_sequences)
    steps = RecordSteps(order, batch_size, num_workers, 0, drop_remainder)
    num_rows = order.num_rows(epoch)
    counts = [metadata.shards[number].length_counts for group in order.groups(epoch) for number in group]
    tokens = int((np.sum(counts, axis=0) * np.arange(len(counts[0]))).sum()) if counts else 0
    fill = tokens / max(num_rows * metadata.settings.sequence_length, 1)
    return RecordEpoch(steps.of(epoch), num_rows, tokens, fill)


def _num_rows(columns: Columns) -> int:
    return len(columns["index"][1]) - 1
