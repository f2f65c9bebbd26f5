"""A corpus cut into chunks of whole documents: the units of work of its preparation."""

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import tensorflow as tf

from keras_bert_layers.data.corpus_files import (
    PROBE_BYTES,
    CorpusFile,
    is_compressed,
    is_json_lines,
    not_text,
)

LARGEST_CHUNK = 32 << 20
_SMALLEST_CHUNK = 64 << 10
_CHUNKS_OF_A_SMALL_CORPUS = 20
_BLOCK = 1 << 16

# Where a document ends in each layout, as bytes; and where one that does not end is cut instead, best places first.
# A line feed never stands inside a character of UTF-8.
_BLANK_LINE = rb"(?:\n|\r(?!\n))[ \t\f\v]*(?:\r?\n|\r)"
_DOCUMENT_END = {"sentences": _BLANK_LINE, "paragraphs": _BLANK_LINE, "prose": None}
_EMERGENCY_CUTS = tuple(map(re.compile, (_BLANK_LINE, rb"[\r\n]", rb"[ \t]", rb"(?=[^\x80-\xbf])")))


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start` up to `end` of a decompressed file; `cut`: whether a document goes on behind it."""

    path: str
    start: int
    end: int
    cut: bool = False


@dataclass(frozen=True)
class Chunk:
    """Whole documents of about the same size in bytes as those of the other chunks."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def num_bytes(self) -> int:
        return sum(piece.end - piece.start for piece in self.pieces)


def plan_chunks(files: Sequence[str], layout: str, chunk_bytes: int | None = None) -> list[Chunk]:
    """Cuts files into chunks of whole documents, at the first end of a document after `chunk_bytes`.

    Of plain files only the places around the cuts are read; compressed files are decompressed once. A document of more
    than twice `chunk_bytes` is cut, at the end of a paragraph or else of a line; JSON lines never are. The last chunk
    is joined to the one before if it is smaller than half a chunk.

    Args:
        files: what `corpus_files` gives.
        layout: as in `Layout`.
        chunk_bytes: int > 0 or None. Defaults to None: 32 MiB, or a twentieth of the files' size where that is less, at
            least 64 KiB.

    Returns:
        The chunks. They depend on the files' bytes and order alone.

    Raises:
        ValueError: if files are binary (all of them are named) or damaged, or all are empty.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "tea.txt")
        >>> _ = path.write_text("Tea is hot.\\n\\nDrink it slowly.\\n\\nIt cools.\\n")
        >>> [chunk.num_bytes for chunk in plan_chunks([str(path)], "sentences", chunk_bytes=10)]
        [13, 18, 10]
    """
    if chunk_bytes is None:
        total = sum(tf.io.gfile.stat(file).length for file in files)
        chunk_bytes = min(max(total // _CHUNKS_OF_A_SMALL_CORPUS, _SMALLEST_CHUNK), LARGEST_CHUNK)
    if chunk_bytes < 1:
        raise ValueError(f"`chunk_bytes` must be positive. Received: {chunk_bytes}.")
    chunks, pieces, room, binary = [], [], chunk_bytes, {}
    for file in files:
        document_end = rb"\n" if is_json_lines(file) else _DOCUMENT_END[layout]
        with CorpusFile(file) as stream:
            if other := not_text(stream.read(PROBE_BYTES)):
                binary[file] = other
                continue
            ends = _Ends(stream, None if is_compressed(file) else tf.io.gfile.stat(file).length)
            start = 0
            while True:
                longest = None if is_json_lines(file) else chunk_bytes
                end, how = ends.first_after(start + room, document_end, longest)
                if end > start:
                    pieces.append(Piece(file, start, end, how == "cut"))
                    room -= end - start
                if how == "file":
                    break
                chunks.append(pieces)
                pieces, room, start = [], chunk_bytes, end
        if room <= 0:
            chunks.append(pieces)
            pieces, room = [], chunk_bytes
    if binary:
        named = "; ".join(f"'{file}' is {other}" for file, other in list(binary.items())[:5])
        raise ValueError(f"{len(binary)} of {len(files)} files are no text: {named}. Take them out of the corpus.")
    if pieces and chunks and chunk_bytes - room < chunk_bytes / 2:
        chunks[-1] += pieces
    elif pieces:
        chunks.append(pieces)
    if not chunks:
        raise ValueError(
            f"All of the {len(files)} file(s) are empty, first {list(files[:3])}. Check that `paths` names the corpus."
        )
    return [Chunk(number, tuple(pieces)) for number, pieces in enumerate(chunks)]


class _Ends:
    """Looks for ends of documents in a stream whose size may be known only at its end."""

    def __init__(self, stream, size: int | None):
        self.stream, self.size = stream, size

    def first_after(self, target: int, document_end: bytes | None, longest: int | None) -> tuple[int, str]:
        """The first end at or after `target`, and whether it is that of a `"document"`, the `"file"` or a `"cut"`.

        A document that does not end within `longest` bytes is cut as near to `target` as can be.
        """
        if self.size is not None and target >= self.size:
            return self.size, "file"
        position = self.stream.seek(target)
        if position < target:
            return position, "file"
        pattern = document_end and re.compile(document_end)
        seen, searched = b"", 0
        while longest is None or len(seen) < longest:
            # Blocks grow, so that a long search does not copy what it has seen too often.
            block = max(_BLOCK, len(seen))
            block = self.stream.read(block if longest is None else min(block, longest - len(seen)))
            if not block:
                return target + len(seen), "file"
            seen += block
            if pattern and (match := pattern.search(seen, max(0, searched - 2))):
                if match.end() == len(seen) and not self.stream.read(1):
                    return target + len(seen), "file"
                self.stream.seek(target + len(seen))
                return target + match.end(), "document"
            searched = len(seen)
        for pattern in _EMERGENCY_CUTS:
            if match := pattern.search(seen, 1):
                return target + match.end(), "cut"
        return target + len(seen), "cut"


class PieceReader:
    """Reads pieces; a compressed file stays open, so that pieces that follow one another cost one decompression.

    Use it as a context manager.
    """

    def __enter__(self):
        self.stack, self.path = ExitStack(), None
        return self

    def __exit__(self, *error):
        self.stack.close()

    def read(self, piece: Piece) -> bytes:
        if piece.path != self.path:
            self.stack.close()
            self.stream, self.path = self.stack.enter_context(CorpusFile(piece.path)), piece.path
        self.stream.seek(piece.start)
        data = self.stream.read(piece.end - piece.start)
        if len(data) < piece.end - piece.start:
            raise ValueError(
                f"'{piece.path}' has become shorter: bytes {piece.start} to {piece.end} were expected, and "
                f"{len(data)} of them came. Leave the corpus alone while it is prepared, and start again."
            )
        return data


def total_bytes(chunks: Iterable[Chunk]) -> int:
    return sum(chunk.num_bytes for chunk in chunks)


def describe_files(files: Sequence[str]) -> list[list]:
    """Path, size and time of change of each file: what tells whether a corpus is still the same."""
    stats = [(file, tf.io.gfile.stat(file)) for file in files]
    return [[os.fspath(file), stat.length, stat.mtime_nsec] for file, stat in stats]
