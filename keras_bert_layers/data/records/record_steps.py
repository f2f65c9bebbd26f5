"""How many batches an epoch over records has, and which rows are in them."""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keras_bert_layers.data.records.ragged_columns import Columns, joined, nothing, rows
from keras_bert_layers.data.records.record_epochs import RecordEpochs
from keras_bert_layers.data.records.record_metadata import read_metadata
from keras_bert_layers.ops.row_share import Share, check_share, share_bounds


@dataclass(frozen=True)
class RecordSteps:
    """The batches of epochs, or one share of each of them; only the rows of the share are read, where that can be.

    The shares of a step together are its batch, however many they are. In an epoch's last step one may have no rows.
    """

    order: RecordEpochs
    batch_size: int
    drop_remainder: bool
    share: Share = (0, 1)

    def __post_init__(self):
        check_share(self.share)
        if self.batch_size < 1:
            raise ValueError(f"`batch_size` must be positive. Received: batch_size={self.batch_size}.")

    def of(self, epoch: int) -> int:
        """Batches in an epoch."""
        return self._of_rows(self.order.num_rows(epoch))

    def _of_rows(self, total: int) -> int:
        return total // self.batch_size if self.drop_remainder else -(-total // self.batch_size)

    def after(self, start_step: int, epoch: int, stop: int | None) -> tuple[int, int]:
        """The epoch in which a run goes on after `start_step` batches, and how many of its batches are used up.

        Raises:
            ValueError: if the epoch has no batch, or the run ends before.
        """
        size = self.of(epoch)
        if not size:
            raise ValueError(
                f"The records give {self.order.num_rows(epoch)} rows, which is less than one batch of "
                f"{self.batch_size}. Use a smaller `batch_size`, drop_remainder=False, or more shards."
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
        total = self.order.num_rows(epoch)
        step, stop = used, self._of_rows(total)

        def bounds(steps):
            return share_bounds(np.minimum(self.batch_size, total - steps * self.batch_size), self.share)

        def wanted(row_numbers):
            steps, places = np.divmod(row_numbers, self.batch_size)
            begin, end = bounds(steps)
            return (used <= steps) & (steps < stop) & (begin <= places) & (places < end)

        rest = nothing(self.order.metadata.fields)
        for part in itertools.chain(self.order.rows(epoch, wanted), [rest]):
            block = joined([rest, part])
            first, end = 0, _num_rows(block)
            while step < stop and first + (count := int(np.subtract(*bounds(step)[::-1]))) <= end:
                yield rows(block, first, first + count)
                step, first = step + 1, first + count
            rest = rows(block, first, end)


@dataclass(frozen=True)
class RecordEpoch:
    """One epoch over records, in numbers.

    Args:
        steps: batches.
        rows: rows, those in no whole batch included.
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
) -> RecordEpoch:
    """How many steps and tokens an epoch of `record_dataset` has, from the metadata alone.

    With packing, epochs differ by a few rows when the shards are mixed in another way.

    Args:
        directory, batch_size, seed, shuffle, shuffle_shards, drop_remainder, max_sequences, shards: as in
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
    steps = RecordSteps(order, batch_size, drop_remainder)
    num_rows = order.num_rows(epoch)
    counts = [metadata.shards[number].length_counts for group in order.groups(epoch) for number in group]
    tokens = int((np.sum(counts, axis=0) * np.arange(len(counts[0]))).sum()) if counts else 0
    fill = tokens / max(num_rows * metadata.settings.sequence_length, 1)
    return RecordEpoch(steps.of(epoch), num_rows, tokens, fill)


def _num_rows(columns: Columns) -> int:
    return len(columns["index"][1]) - 1
