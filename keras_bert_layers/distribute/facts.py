"""What must be equal on all workers before they train together."""

import functools
import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import keras
import tensorflow as tf

from keras_bert_layers.distribute.worker import Worker
from keras_bert_layers.version import __version__


def facts(worker: Worker, devices: str, global_batch_size: int | None, settings: dict | None) -> dict[str, object]:
    """Name -> value of everything that is compared, in the order in which differences are shown.

    Args:
        worker: this process.
        devices: what it trains on, such as `"8 GPU"`.
        global_batch_size: int or None.
        settings: dict or None, of what JSON can hold.

    Raises:
        ValueError: if a setting is not for JSON.
    """
    try:
        chosen = {f"the setting {name}": json.loads(json.dumps(value)) for name, value in (settings or {}).items()}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`settings` must hold what JSON can: numbers, strings, lists, dictionaries. Received: {settings!r} "
            f"({error})."
        ) from None
    return {
        "the cluster": ", ".join(worker.addresses),
        "keras_bert_layers": __version__,
        "the code of keras_bert_layers": fingerprint(Path(__file__).parents[1]),
        "the program": _program(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": metadata.version("numpy"),
        "the devices": devices,
        "the global batch size": global_batch_size,
        **chosen,
    }


@functools.cache
def fingerprint(directory: Path) -> str:
    """Twelve digits that depend on the names and the content of all Python files of a directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*.py")):
        digest.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _program() -> str:
    """The name of the script that runs and the first digits of its content's checksum."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None or not Path(path).is_file():
        return "none"
    return f"{Path(path).name} {hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]}"
