"""Writing a directory so that a killed process leaves the old one or the new one, never a mixture."""

import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike, overwrite: bool = False) -> Iterator[Path]:
    """A new, empty directory to fill; it takes the name `path` when the block ends without an error.

    Args:
        path: the directory to write.
        overwrite: whether a directory that is there already is replaced, with everything in it.

    Raises:
        ValueError: if `path` is a file, or holds anything and `overwrite` is False. Nothing is written then.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not overwrite)):
        what = "a directory that is not empty" if path.is_dir() else "a file"
        raise ValueError(
            f"{path} is {what}. Choose a new directory"
            + (", or pass overwrite=True to replace it and all that is in it." if path.is_dir() else ".")
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside its destination, because a rename cannot cross file systems.
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        temporary.chmod(0o777 & ~_umask())
        yield temporary
        _flush(temporary)
        _replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: Path, path: Path) -> None:
    """Gives `new` the name `path`; what had that name is then called `new`."""
    if not path.exists() or not any(path.iterdir()):
        os.rename(new, path)
    elif not _exchange(new, path):
        # Without an exchange in one step, a kill between the two renames leaves both directories whole, side by side.
        old = new.with_suffix(".old")
        os.rename(path, old)
        os.rename(new, path)
        shutil.rmtree(old, ignore_errors=True)
    _flush_entry(path.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swaps two names in one step, where the system can (Linux)."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0


def _flush(directory: Path) -> None:
    for file in directory.rglob("*"):
        _flush_entry(file)
    _flush_entry(directory)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
