"""The last state of a run that can be read, and whether it is a state of this run."""

import json
import warnings
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.training import state_files
from keras_bert_layers.version import __version__

_FORMAT = 1


class SavedState(NamedTuple):
    """What a file holds: the arrays, and the rest."""

    arrays: dict[str, np.ndarray]
    facts: dict

    @property
    def num_metrics(self) -> int:
        """How many variables of metrics it has; none if it was saved at the end of an epoch."""
        return sum(saved["kind"] == "metrics" for saved in self.facts["variables"])


def about(settings: dict | None) -> dict:
    """What every state says of the program that saved it."""
    versions = {
        "keras_bert_layers": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }
    return {"format": _FORMAT, "settings": settings, "versions": versions}


def newest_readable(directory: Path) -> SavedState | None:
    """The last state in a directory, or None if there is no file of one.

    Warns of each file that it had to pass over.

    Raises:
        ValueError: if there are files, and none is readable.
    """
    failures = []
    for step in reversed(state_files.steps_in(directory)):
        path = state_files.path_of(directory, step)
        try:
            found = SavedState(*state_files.read(path))
        except state_files.UnreadableState as error:
            failures.append(f"{path} ({error})")
            continue
        for failure in failures:
            warnings.warn(
                f"The saved state {failure} is damaged. The run goes on from the one before it, step {step}.",
                stacklevel=4,
            )
        return found
    if failures:
        raise ValueError(
            f"No saved state in {directory} can be read: {'; '.join(failures)}. Bring back a copy of one, or remove "
            "these files to begin the run anew."
        )
    return None


def check(facts: dict, settings: dict | None) -> None:
    """Warns of other versions, and refuses other settings.

    Raises:
        ValueError: if the state's settings differ, naming which, or its format is not known here.
    """
    here = about(settings)
    if facts["format"] != _FORMAT:
        raise ValueError(
            f"The saved state has format {facts['format']}; this version of keras_bert_layers reads {_FORMAT}. It was "
            f"written by version {facts['versions']['keras_bert_layers']}."
        )
    if settings is not None and facts["settings"] is not None:
        differences = _differences(facts["settings"], settings)
        if differences:
            raise ValueError(
                f"The run was begun under other settings: {'; '.join(differences)}. Go on under the old ones, or "
                "choose another directory for a new run."
            )
    others = _differences(facts["versions"], here["versions"])
    if others:
        warnings.warn(
            f"The state was saved by other versions: {'; '.join(others)}. The run goes on, and its numbers may differ "
            "from those of an unbroken run.",
            stacklevel=4,
        )


def as_json(settings: dict | None) -> dict | None:
    """The settings as they are when read again.

    Raises:
        ValueError: if JSON cannot hold them.
    """
    try:
        return json.loads(json.dumps(settings))
    except TypeError as error:
        raise ValueError(
            f"`settings` must be numbers, texts, lists and dicts of them, to be compared with those of a saved state. "
            f"{error}. Received: {settings}."
        ) from error


def _differences(before: dict, now: dict) -> list[str]:
    def shown(values, name):
        return json.dumps(values[name]) if name in values else "not there"

    return [
        f"{name} was {shown(before, name)} and is {shown(now, name)}"
        for name in [*before, *(name for name in now if name not in before)]
        if name not in before or name not in now or before[name] != now[name]
    ]
