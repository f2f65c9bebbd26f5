"""`metadata.json`: what a folder of records holds. It is written last; without it there are no records."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import tensorflow as tf

from keras_bert_layers.data.records.record_settings import RecordSettings
from keras_bert_layers.data.records.schema import FIELDS, SCHEMA_VERSION
from keras_bert_layers.data.records.whole_files import write_whole
from keras_bert_layers.text import BertTokenizer

METADATA_FILE, VOCABULARY_FILE = "metadata.json", "vocab.txt"
_FORMAT = "keras_bert_layers pretraining records"

COUNTS = {
    "text_bytes": "bytes of the corpus, decompressed",
    "documents": "documents that gave tokens",
    "duplicates": "documents left out because they repeat an earlier one",
    "cut_documents": "places where a document was cut because it exceeds a chunk",
    "sentences": "sentences of the documents",
    "text_tokens": "tokens of the documents",
    "examples": "stored examples (rows, if packed)",
    "tokens": "tokens in the stored examples, without special tokens",
    "bad_bytes": "bytes left out because they are no UTF-8",
    "bad_lines": "lines left out because they are no JSON object",
}


@dataclass(frozen=True)
class Shard:
    """One file of records.

    Args:
        file: its name in the folder.
        size, sha256: of its bytes.
        examples, tokens: how many it holds.
        length_counts: how many of its sequences take 0, 1, 2, … positions, with their special tokens.
    """

    file: str
    size: int
    sha256: str
    examples: int
    tokens: int
    length_counts: tuple[int, ...]


@dataclass(frozen=True)
class RecordMetadata:
    """What a folder of records holds, and how it was made.

    Args:
        settings: the `RecordSettings`.
        fields: the fields of an example (`schema.FIELDS`).
        vocabulary_size, vocabulary_sha256: of the tokenizer's vocabulary; the hash is that of the file `vocab.txt`.
        tokenizer: the tokenizer's other arguments.
        masking: the arguments of the masker whose masks are stored, or None.
        corpus: the number of files, their size on disk, and a hash of their names and sizes.
        counts: what the corpus and the records hold, as `COUNTS` explains.
        bad_bytes, bad_lines: what was left out, by file.
        shards: the files, in order.
        schema_version: int, of the stored examples.
    """

    settings: RecordSettings
    fields: tuple[str, ...]
    vocabulary_size: int
    vocabulary_sha256: str
    tokenizer: dict
    masking: dict | None
    corpus: dict
    counts: dict[str, int]
    bad_bytes: dict[str, int]
    bad_lines: dict[str, int]
    shards: tuple[Shard, ...]
    schema_version: int = SCHEMA_VERSION

    def write(self, directory: str) -> None:
        values = {"format": _FORMAT, **asdict(self)}
        values["fields"] = {name: FIELDS[name] for name in self.fields}
        text = json.dumps(values, indent=1)
        # One line for each list of numbers: the file is read by people too.
        write_whole(os.path.join(directory, METADATA_FILE), (_numbers_on_one_line(text) + "\n").encode())

    def check_tokenizer(self, tokenizer) -> None:
        """Raises a ValueError unless the records' ids are those of `tokenizer`."""
        found = vocabulary_sha256(tokenizer)
        if found != self.vocabulary_sha256:
            raise ValueError(
                f"The records hold ids of a vocabulary of {self.vocabulary_size} tokens (SHA-256 "
                f"{self.vocabulary_sha256[:12]}…), and the tokenizer has {tokenizer.vocabulary_size} ({found[:12]}…). "
                "Use the tokenizer they were made with (`record_tokenizer`), or prepare the records again."
            )
        now = tokenizer_settings(tokenizer)
        other = [name for name in self.tokenizer if name in now and now[name] != self.tokenizer[name]]
        if other:
            raise ValueError(
                "The tokenizer has the vocabulary of the records, but it treats text in another way: "
                + ", ".join(f"{name}={now[name]!r}, in the records {self.tokenizer[name]!r}" for name in other)
                + ". Use the tokenizer they were made with (`record_tokenizer`), or prepare the records again."
            )


def read_metadata(directory: str | os.PathLike) -> RecordMetadata:
    """What the records in a folder hold.

    Args:
        directory: the folder that `prepare_records` wrote.

    Returns:
        A `RecordMetadata`.

    Raises:
        FileNotFoundError: if there are no records, or they are not finished.
        ValueError: if the file is no metadata, or of another schema version.

    Example:
        >>> import tempfile
        >>> try:
        ...     read_metadata(tempfile.mkdtemp())
        ... except FileNotFoundError as error:
        ...     print(str(error).split(". ")[-1])
        Prepare them with `prepare_records` (examples/prepare_pretraining.py).
    """
    path = os.path.join(os.fspath(directory), METADATA_FILE)
    if not tf.io.gfile.exists(path):
        unfinished = tf.io.gfile.exists(os.path.join(os.fspath(directory), "unfinished"))
        raise FileNotFoundError(
            f"There is no '{path}'. "
            + (
                "The preparation of these records was not finished: run it again, and it goes on where it stopped."
                if unfinished
                else "Prepare them with `prepare_records` (examples/prepare_pretraining.py)."
            )
        )
    with tf.io.gfile.GFile(path, "rb") as file:
        content = file.read()
    try:
        values = json.loads(content)
        is_ours = values.pop("format") == _FORMAT
        version = values["schema_version"]
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
    if not is_ours:
        raise ValueError(f"'{path}' does not describe records of keras_bert_layers. Prepare them again.")
    if version != SCHEMA_VERSION:
        raise ValueError(
            f"'{path}' describes records of schema version {version}, and this version of keras_bert_layers reads "
            f"{SCHEMA_VERSION}. Prepare the records again, or use the version that made them."
        )
    values["settings"] = RecordSettings(**values["settings"])
    values["fields"] = tuple(values["fields"])
    values["shards"] = tuple(
        Shard(**{**shard, "length_counts": tuple(shard["length_counts"])}) for shard in values["shards"]
    )
    return RecordMetadata(**values)


def record_tokenizer(directory: str | os.PathLike) -> BertTokenizer:
    """The tokenizer that the records in a folder were made with.

    Args:
        directory: the folder that `prepare_records` wrote.

    Raises:
        FileNotFoundError, ValueError: as `read_metadata`, and if the folder's vocabulary is another one by now.

    Example:
        >>> import pathlib, tempfile
        >>> from keras_bert_layers.data import RecordSettings, prepare_records
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = folder.joinpath("corpus.txt").write_text("it rains\\n\\nit rains")
        >>> tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains"])
        >>> _ = prepare_records(folder / "corpus.txt", folder, tokenizer, RecordSettings(sequence_length=16))
        >>> record_tokenizer(folder).vocabulary_size
        7
    """
    metadata = read_metadata(directory)
    tokenizer = BertTokenizer(os.path.join(os.fspath(directory), VOCABULARY_FILE), **metadata.tokenizer)
    metadata.check_tokenizer(tokenizer)
    return tokenizer


def vocabulary_sha256(tokenizer) -> str:
    """The SHA-256 of the tokenizer's `vocab.txt`."""
    return hashlib.sha256("".join(f"{token}\n" for token in tokenizer.vocabulary).encode()).hexdigest()


def tokenizer_settings(tokenizer) -> dict:
    """The tokenizer's arguments, as JSON gives them back, without the vocabulary."""
    config = {name: value for name, value in tokenizer.get_config().items() if name != "vocabulary"}
    return json.loads(json.dumps(config))


def masker_settings(masker) -> dict | None:
    """The masker's arguments without the tokenizer, or None for no masker."""
    if masker is None:
        return None
    return {name: value for name, value in masker.get_config().items() if name != "tokenizer"}


def listing(files: Sequence[str]) -> dict:
    """The number of files, their size on disk, and a hash of their names and sizes."""
    sizes = [[os.path.basename(file), tf.io.gfile.stat(file).length] for file in files]
    digest = hashlib.sha256(json.dumps(sizes).encode()).hexdigest()
    return {"files": len(files), "size": sum(size for _, size in sizes), "listing_sha256": digest}


def _numbers_on_one_line(text: str) -> str:
    lines, joined = [], None
    for line in text.split("\n"):
        if joined is not None:
            joined += line.strip() + " " * line.endswith(",")
            if line.strip().startswith("]"):
                lines.append(joined)
                joined = None
        elif line.endswith('"length_counts": ['):
            joined = line
        else:
            lines.append(line)
    return "\n".join(lines)
