"""Where a server looks for the versions of a model, and how one appears there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_version(path: str | os.PathLike, write: Callable[[Path], None]) -> Path:
    """Lets `write` fill a new directory, which then becomes the next version of the model, in one step.

    A server loads the directories below a model's folder whose names are numbers. What is not finished has a name that
    begins with a dot, so that a killed process leaves nothing a server would load.

    Args:
        path: the folder of the model; or, if its last part is a number, the version itself.
        write: fills the directory that it is given.

    Returns:
        The path of the version: `path` if that is one, else `path` / n, one above the highest number there, from 1.

    Raises:
        ValueError: if the version exists. Nothing is written then.
    """
    path = Path(path)
    base, number = (path.parent, path.name) if _is_number(path.name) else (path, None)
    check_version(path)
    is_new = not base.exists()
    base.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the last step is a rename within one file system.
    unfinished = Path(tempfile.mkdtemp(prefix=f".{number or 'next'}-", dir=base))
    try:
        write(unfinished)
        unfinished.chmod(0o755)  # mkdtemp lets nobody else in, and the server is somebody else
        _flush(unfinished)
        return _rename(unfinished, base, number)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new and not any(base.iterdir()):
            base.rmdir()


def check_version(path: str | os.PathLike) -> None:
    """Raises a ValueError if `path` is a version that is there already, or no directory can be made of it."""
    path = Path(path)
    if _is_number(path.name) and path.exists():
        raise ValueError(
            f"The export needs a version that does not exist yet. Received: {str(path)!r}, which does. Pass the "
            f"model's folder, {str(path.parent)!r}, for the next free number, or remove this one first."
        )
    if path.exists() and not path.is_dir():
        raise ValueError(f"The export needs a folder for the model's versions. Received: {str(path)!r}, a file.")


def _rename(unfinished, base, number):
    while True:
        version = base / (number or str(1 + max(_numbers(base), default=0)))
        try:
            unfinished.rename(version)
        except OSError:
            # Another export came first; with a number to be found, there is a next one.
            if number is not None or not version.exists():
                check_version(version)
                raise
        else:
            _flush_entry(base)
            return version


def _numbers(base):
    return [int(entry.name) for entry in base.iterdir() if _is_number(entry.name)]


def _is_number(name):
    return name.isascii() and name.isdigit()


def _flush(directory):
    """Puts the files on the disk before their directory gets its name: a crash leaves no half version either."""
    for entry in (*directory.rglob("*"), directory):
        _flush_entry(entry)


def _flush_entry(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
