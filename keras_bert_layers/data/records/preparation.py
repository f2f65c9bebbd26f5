"""What the making of a set of records is told, and what it tells of each shard."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from keras_bert_layers.data.records.record_settings import RecordSettings

UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Preparation:
    """What the making of every shard needs to know; it can be sent to another process.

    Args:
        directory: where the records are written.
        settings: their settings.
        tokenizer: makes the ids.
        masker: makes the stored masks, or None for records without.
        num_shards: how many shards there will be.
        fingerprint: of the settings, the tokenizer, the masker and the corpus: what was made for another is made again.
    """

    directory: str
    settings: RecordSettings
    tokenizer: Callable
    masker: Callable | None
    num_shards: int
    fingerprint: str

    def shard_name(self, number: int) -> str:
        ending = ".gz" if self.settings.compression == "gzip" else ""
        return f"shard-{number:05d}-of-{self.num_shards:05d}.tfrecord{ending}"

    def shard_path(self, number: int) -> str:
        return os.path.join(self.directory, self.shard_name(number))

    def report_path(self, number: int) -> str:
        return os.path.join(self.directory, UNFINISHED, f"shard-{number:05d}.json")

    def hashes_path(self, number: int) -> str:
        return os.path.join(self.directory, UNFINISHED, f"hashes-{number:05d}")

    def duplicates_path(self, number: int) -> str:
        return os.path.join(self.directory, UNFINISHED, f"duplicates-{number:05d}")


@dataclass
class ShardReport:
    """What a finished shard holds, and what became of the text of its chunk.

    Args:
        fingerprint: of the `Preparation`.
        file: the shard's name.
        size, sha256: of the shard's bytes.
        examples, tokens: how many the shard holds.
        length_counts: how many sequences take 0, 1, 2, … positions, with their special tokens.
        counts: of what the chunk's text held (`record_metadata.COUNTS` says what).
        bad_bytes, bad_lines: what was left out, by file.
    """

    fingerprint: str
    file: str
    size: int = 0
    sha256: str = ""
    examples: int = 0
    tokens: int = 0
    length_counts: list[int] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)
    bad_bytes: Counter = field(default_factory=Counter)
    bad_lines: Counter = field(default_factory=Counter)

    def to_dict(self) -> dict:
        return dict(vars(self))

    @classmethod
    def from_dict(cls, values: dict) -> "ShardReport":
        counters = {name: Counter(values[name]) for name in ("counts", "bad_bytes", "bad_lines")}
        return cls(**{**values, **counters})
