"""Which rows an epoch over records has, and in which order: a function of the seed and the epoch alone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keras_bert_layers.data.packing import pack_rows
from keras_bert_layers.data.records.packed_row_count import packed_row_count
from keras_bert_layers.data.records.ragged_columns import Columns, merged, take
from keras_bert_layers.data.records.record_metadata import RecordMetadata
from keras_bert_layers.data.records.record_shards import check_sizes, read_shards
from keras_bert_layers.data.sampling import Stream, generator


@dataclass(frozen=True)
class RecordEpochs:
    """Epochs over some shards of a set of records.

    An epoch deals its shards, in random order, into groups. One group after the other is read into memory, its examples
    are mixed (and packed into rows, if asked for), and leave as rows, while the next group is read.

    Args:
        directory, metadata: the records.
        shards: the numbers of the shards to use, or None for all.
        seed: of the order.
        shuffle: whether there is a random order at all.
        shuffle_shards: how many shards make a group.
        max_sequences: the most sequences to pack into a row; 1 leaves the examples as they were stored.

    Raises:
        ValueError: if an argument is out of range, or a shard is missing or of another size than was written.
    """

    directory: str
    metadata: RecordMetadata
    shards: Sequence[int] | None
    seed: int
    shuffle: bool
    shuffle_shards: int
    max_sequences: int

    def __post_init__(self):
        if min(self.shuffle_shards, self.max_sequences) < 1:
            raise ValueError(
                "`shuffle_shards` and `max_sequences` must be positive. Received: "
                f"{self.shuffle_shards} and {self.max_sequences}."
            )
        if self.max_sequences > 1 and (self.metadata.settings.max_sequences > 1 or self.metadata.masking is not None):
            raise ValueError(
                "Records that hold packed rows, or masks, cannot be packed when they are read. Leave `max_sequences` "
                f"out. Received: max_sequences={self.max_sequences}."
            )
        check_sizes(self.directory, self.metadata, self._numbers())

    def _numbers(self) -> list[int]:
        total = len(self.metadata.shards)
        if self.shards is None:
            return list(range(total))
        numbers = [int(number) for number in self.shards]
        if not numbers or len(set(numbers)) < len(numbers) or not 0 <= min(numbers) <= max(numbers) < total:
            raise ValueError(
                f"`shards` must be different numbers from 0 to {total - 1}, at least one. Received: {numbers}."
            )
        return numbers

    def groups(self, epoch: int) -> list[tuple[int, ...]]:
        """The shards of each group; shards without examples are in none."""
        shards = np.array([number for number in self._numbers() if self.metadata.shards[number].examples], "int64")
        if self.shuffle:
            shards = generator(self.seed, epoch, Stream.ORDER).permutation(shards)
        shards = shards.tolist()
        return [tuple(shards[i : i + self.shuffle_shards]) for i in range(0, len(shards), self.shuffle_shards)]

    def num_rows(self, epoch: int) -> int:
        return sum(map(self.num_rows_of_group, self.groups(epoch)))

    def num_rows_of_group(self, group: Sequence[int]) -> int:
        """How many rows a group gives, from the metadata alone."""
        shards = [self.metadata.shards[number] for number in group]
        if self.max_sequences == 1:
            return sum(shard.examples for shard in shards)
        counts = np.sum([shard.length_counts for shard in shards], axis=0).tolist()
        return packed_row_count(counts, self.metadata.settings.sequence_length, self.max_sequences)

    def rows(self, epoch: int, wanted: Callable[[np.ndarray], np.ndarray]) -> Iterator[Columns]:
        """The rows of an epoch that are wanted, group by group. Groups without one are not read.

        Args:
            epoch: int.
            wanted: numbers of rows in the epoch -> bool for each of them.

        Yields:
            Columns. A row has besides its fields `index`: the number of its first example in the set.
        """
        with ThreadPoolExecutor(1) as reader:
            running = None
            for number, group, own in self._wanted_of_groups(epoch, wanted):
                ahead = reader.submit(self._rows_of_group, epoch, number, group, own)
                if running is not None:
                    yield running.result()
                running = ahead
            if running is not None:
                yield running.result()

    def _wanted_of_groups(self, epoch, wanted):
        """The number of each group, its shards, and which of its rows are wanted, if any are."""
        first = 0
        for number, group in enumerate(self.groups(epoch)):
            size = self.num_rows_of_group(group)
            own = np.flatnonzero(wanted(first + np.arange(size)))
            first += size
            if len(own):
                yield number, group, own

    def _rows_of_group(self, epoch: int, number: int, group: Sequence[int], own: np.ndarray) -> Columns:
        count = sum(self.metadata.shards[shard].examples for shard in group)
        rng = generator(self.seed, epoch, Stream.ORDER, 1 + number)
        order = rng.permutation(count) if self.shuffle else np.arange(count)
        if self.max_sequences == 1:
            chosen = order[own]
            examples = read_shards(self.directory, self.metadata, group, np.sort(chosen))
            return take(examples, np.argsort(np.argsort(chosen))) if self.shuffle else examples
        # What a row holds follows from the lengths of all examples: all have to be read.
        examples = read_shards(self.directory, self.metadata, group, np.arange(count))
        lengths = self._lengths(examples)
        packed = pack_rows(lengths[order], self.metadata.settings.sequence_length, self.max_sequences)
        expected = self.num_rows_of_group(group)
        if len(packed) != expected:
            raise ValueError(
                f"The metadata gives {expected} packed rows, and there are {len(packed)}: they do not fit."
            )
        table = [np.sort(row) for row in np.split(order[packed.order], packed.splits[1:-1])]
        if self.shuffle:
            table = [table[row] for row in rng.permutation(len(table))]
        else:
            table.sort(key=lambda row: row[0])
        table = [table[row] for row in own]
        splits = np.cumsum([0, *map(len, table)])
        packed_rows = merged(take(examples, np.concatenate(table)), splits)
        index = examples["index"][0][[row[0] for row in table]]
        return {**packed_rows, "index": (index, np.arange(len(table) + 1))}

    def _lengths(self, examples: Columns) -> np.ndarray:
        """Positions of each example, with its special tokens."""
        return np.diff(examples["token_ids"][1]) + self.metadata.settings.segments_per_sequence + 1
