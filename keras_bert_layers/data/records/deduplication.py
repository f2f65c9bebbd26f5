"""Which documents of a corpus repeat an earlier one exactly."""

import hashlib
import os
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

_DOCUMENTS_PER_BUCKET = 1 << 20
_MOST_BUCKETS = 500  # all are open at once
_ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("document", "<i8")])


def document_hash(text: str) -> bytes:
    """16 bytes that are equal for equal texts, whatever white space stands between their words.

    Example:
        >>> document_hash("It rains.\\nAgain.") == document_hash("It  rains. Again.\\n")
        True
    """
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8"), digest_size=16).digest()


def find_duplicates(hashes: Sequence[str], folder: str) -> list[np.ndarray]:
    """The documents that repeat one before them, chunk by chunk.

    The hashes are first dealt into files by their leading bits, and then compared within each file, so that memory
    holds about a million of them at a time, besides one byte for every document.

    Args:
        hashes: for each chunk a file of the `document_hash` of its documents, one after the other.
        folder: where the files in between are written, and removed afterwards.

    Returns:
        For each chunk bool [documents], True for a document to leave out.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, texts in (("0", ["a", "b", "a"]), ("1", ["c", "b"])):
        ...     _ = folder.joinpath(name).write_bytes(b"".join(map(document_hash, texts)))
        >>> find_duplicates([str(folder / "0"), str(folder / "1")], str(folder))
        [array([False, False,  True]), array([False,  True])]
    """
    counts = [tf.io.gfile.stat(file).length // 16 for file in hashes]
    first_of_chunk = np.concatenate([[0], np.cumsum(counts)]).astype("int64")
    total = int(first_of_chunk[-1])
    num_buckets = min(-(-total // _DOCUMENTS_PER_BUCKET), _MOST_BUCKETS)
    buckets = [os.path.join(folder, f"bucket-{number:05d}") for number in range(num_buckets)]
    _deal(hashes, first_of_chunk, buckets)
    repeats = np.zeros(total, bool)
    for bucket in buckets:
        entries = np.frombuffer(_read(bucket), _ENTRY)
        entries = entries[np.lexsort([entries["document"], entries["low"], entries["high"]])]
        same = (entries["high"][1:] == entries["high"][:-1]) & (entries["low"][1:] == entries["low"][:-1])
        repeats[entries["document"][1:][same]] = True
        tf.io.gfile.remove(bucket)
    return np.split(repeats, first_of_chunk[1:-1])


def _deal(hashes, first_of_chunk, buckets) -> None:
    files = [tf.io.gfile.GFile(bucket, "wb") for bucket in buckets]
    for file, first in zip(hashes, first_of_chunk.tolist(), strict=False):
        pairs = np.frombuffer(_read(file), "<u8").reshape(-1, 2)
        entries = np.empty(len(pairs), _ENTRY)
        entries["high"], entries["low"] = pairs.T
        entries["document"] = first + np.arange(len(pairs))
        bucket = entries["high"] % len(files) if len(files) else entries["high"]
        order = np.argsort(bucket, kind="stable")
        bounds = np.searchsorted(bucket[order], np.arange(len(files) + 1))
        for number, (begin, end) in enumerate(pairwise(bounds)):
            files[number].write(entries[order[begin:end]].tobytes())
    for file in files:
        file.close()


def _read(file: str) -> bytes:
    with tf.io.gfile.GFile(file, "rb") as stream:
        return stream.read()
