"""Which files make a corpus, and their text, compressed or not."""

import bz2
import gzip
import os
import zlib
from collections import Counter
from collections.abc import Iterable

import tensorflow as tf

TEXT_ENDINGS = (".txt", ".jsonl")
_DECOMPRESSORS = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File}
PROBE_BYTES = 8192
# How files begin that are no text, whatever their ending says.
_SIGNATURES = {
    b"\xff\xfe": "UTF-16; convert it, e.g. `iconv -f utf-16 -t utf-8`",
    b"\xfe\xff": "UTF-16; convert it, e.g. `iconv -f utf-16 -t utf-8`",
    b"\x1f\x8b": "compressed by gzip; let its name end in .gz",
    b"BZh": "compressed by bzip2; let its name end in .bz2",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; decompress it, or compress it by gzip",
    b"\xfd7zXZ": "compressed by xz; decompress it, or compress it by gzip",
    b"PK\x03\x04": "a ZIP archive; unpack it",
    b"%PDF-": "a PDF document; extract its text",
    b"PAR1": "a Parquet table; write its text column as JSON lines",
}


def corpus_files(paths: str | os.PathLike | Iterable[str | os.PathLike]) -> list[str]:
    """The files of a corpus: paths in the order given; of a folder all text in it and below, in sorted order.

    Text is what ends in `.txt` or `.jsonl`, also compressed (`.gz`, `.bz2`); a file that is named itself may have any
    ending. Whatever `tf.io.gfile` opens will do.

    Raises:
        FileNotFoundError: if a path does not exist, or a folder holds no text.
        ValueError: if there are no paths, or one file is named twice.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("b.txt", "a.jsonl.gz", "notes.md"):
        ...     folder.joinpath(name).touch()
        >>> [pathlib.Path(file).name for file in corpus_files(folder)]
        ['a.jsonl.gz', 'b.txt']
    """
    files = []
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        path = os.fspath(path)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"There is no file or folder '{path}' (current folder: {os.getcwd()}).")
        if not tf.io.gfile.isdir(path):
            files.append(path)
            continue
        found = [
            os.path.join(folder, name)
            for folder, _, names in tf.io.gfile.walk(path)
            for name in names
            if _without_compression(name).endswith(TEXT_ENDINGS)
        ]
        if not found:
            raise FileNotFoundError(
                f"The folder '{path}' holds no *.txt, nor do those below it, and no *.jsonl, *.gz or *.bz2 of these. "
                "Name files of another ending one by one."
            )
        # Sorted as paths are: a folder's name is compared as a whole before what it holds.
        files += sorted(found, key=lambda file: file.split(os.sep))
    if not files:
        raise ValueError("`paths` is empty: expected at least one file or folder.")
    if len(set(files)) < len(files):
        twice = next(file for file, count in Counter(files).items() if count > 1)
        raise ValueError(f"'{twice}' is named twice in `paths`. Name each file once, itself or by its folder.")
    return files


def is_json_lines(path: str) -> bool:
    return _without_compression(path).endswith(".jsonl")


def is_compressed(path: str) -> bool:
    return path.endswith(tuple(_DECOMPRESSORS))


class CorpusFile:
    """A binary stream of a file's decompressed bytes. Use it as a context manager.

    In a compressed file, `seek` decompresses up to the place.

    Raises:
        ValueError: while it is read, if the compressed data is damaged.
    """

    def __init__(self, path: str):
        self.path = path
        self._file = tf.io.gfile.GFile(path, "rb")
        decompressor = _DECOMPRESSORS.get(os.path.splitext(path)[1])
        if decompressor is None:
            self._stream = self._file
        else:
            self._stream = decompressor(**{"fileobj" if decompressor is gzip.GzipFile else "filename": self._file})

    def read(self, size: int = -1) -> bytes:
        return self._guard(self._stream.read, size)

    def seek(self, position: int) -> int:
        """Goes there, or to the end of a compressed file that is shorter; returns where it is now."""
        self._guard(self._stream.seek, position)
        return self._stream.tell()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stream.close()
        self._file.close()

    def _guard(self, function, argument):
        try:
            return function(argument)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"'{self.path}' is damaged or incomplete: {error}. Copy or make it again.") from error


def not_text(data: bytes) -> str | None:
    """What a file is that is not text, judged by its beginning; None for text."""
    for signature, meaning in _SIGNATURES.items():
        if data.startswith(signature):
            return meaning
    return "binary data (it holds zero bytes)" if b"\0" in data[:PROBE_BYTES] else None


def decode(data: bytes) -> tuple[str, int]:
    """UTF-8 as text with line feeds, and how many bytes were left out because they are no UTF-8."""
    try:
        text, bad_bytes = data.decode("utf-8"), 0
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="ignore")
        bad_bytes = len(data) - len(text.encode("utf-8"))
    return text.replace("\r\n", "\n").replace("\r", "\n"), bad_bytes


def _without_compression(path: str) -> str:
    stem, ending = os.path.splitext(path)
    return stem if ending in _DECOMPRESSORS else path
