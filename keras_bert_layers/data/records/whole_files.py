"""Files that are there as a whole or not at all."""

import errno
import hashlib
import os
from contextlib import contextmanager

import tensorflow as tf

_BLOCK = 1 << 20


def write_whole(path: str, content: bytes) -> None:
    """Writes `path` so that it holds all of `content` or what stood there before, never a part of it."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with explained_when_full(path), removed_on_error(temporary):
        with tf.io.gfile.GFile(temporary, "wb") as file:
            file.write(content)
        tf.io.gfile.rename(temporary, path, overwrite=True)


def size_and_sha256(path: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


@contextmanager
def explained_when_full(path: str):
    """Turns TensorFlow's error about a full disk into Python's own, with what to do."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(
            errno.ENOSPC,
            f"No space is left to write '{path}' ({error.message}). What was finished before is kept: make room and "
            "run the same again, and it goes on there.",
        ) from error


@contextmanager
def removed_on_error(path: str):
    try:
        yield
    except BaseException:
        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
        raise
