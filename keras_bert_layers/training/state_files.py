"""Files of training states: written whole or not at all, and read only if every byte is as it was written.

A state is an `.npz` file, which `np.load` opens: the arrays, and `state.json` with all that is no array. The zip format
holds a CRC-32 of every member.
"""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np

_NAME = re.compile(r"step-(\d{9,})\.npz")
_FACTS = "state.json"


class UnreadableState(Exception):
    """A file that is not what was written."""


def path_of(directory: Path, step: int) -> Path:
    """Where the state after so many steps stands."""
    return directory / f"step-{step:09d}.npz"


def steps_in(directory: Path) -> list[int]:
    """The steps that a directory has a file for, in ascending order."""
    if not directory.is_dir():
        return []
    return sorted(int(match[1]) for file in directory.iterdir() if (match := _NAME.fullmatch(file.name)))


def write(path: Path, arrays: dict[str, np.ndarray], facts: dict) -> None:
    """Writes a state under another name, onto the disk, and renames it: a kill leaves the whole file or none.

    Raises:
        OSError: if it cannot be written, for instance because the disk is full. Nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr(zipfile.ZipInfo(_FACTS), json.dumps({**facts, "arrays": list(arrays)}))
                for name, array in arrays.items():
                    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_entry(path.parent)


def read(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and facts of a state.

    Raises:
        UnreadableState: if the file is cut off, or a bit of what it holds is not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Members are read whole: only then is the checksum compared.
            facts = json.loads(archive.read(_FACTS))
            names = facts.pop("arrays")
            return {name: _array(archive.read(f"{name}.npy")) for name in names}, facts
    except Exception as error:  # a flipped bit makes zipfile raise any of a dozen kinds
        raise UnreadableState(f"{type(error).__name__}: {error}") from error


def remove_others(directory: Path, newest: int, keep: int) -> None:
    """Removes all but the last `keep` states up to `newest`.

    Files of later steps were unreadable when the run went on from an earlier one; they are neither counted nor removed.
    """
    for step in [step for step in steps_in(directory) if step <= newest][:-keep]:
        path_of(directory, step).unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Removes what killed processes had not finished writing."""
    for file in directory.glob(".step-*.npz.*.tmp"):
        file.unlink(missing_ok=True)


def _array(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def _flush_entry(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
