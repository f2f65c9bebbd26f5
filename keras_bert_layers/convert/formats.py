"""Which format a directory is in, told by its files."""

import json
from collections.abc import Callable
from pathlib import Path

from keras_bert_layers.convert.tensor_files import INDEX, SINGLE

OWN_FILE = "keras_bert_layers.json"

_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.bin", "pytorch_model.pt", "model.pt")
_UNPICKLE = (
    'python -c "import torch, safetensors.torch as s; '
    "s.save_file({k: v.clone() for k, v in torch.load('pytorch_model.bin', weights_only=True).items()}, "
    "'model.safetensors', {'format': 'pt'})\""
)


def recognise(directory: Path, format: str | None = None) -> str:
    """The format of the checkpoint in `directory`: a key of `FORMATS`.

    Args:
        directory: a local directory, or the prefix of a TensorFlow checkpoint (`.../bert_model.ckpt`).
        format: the format that is meant, where there are several. Defaults to `None`: the only one there.

    Raises:
        ValueError: if there is none, there are several and `format` does not say which, or `format` is not there.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"`format` must be one of {', '.join(FORMATS)}. Received: {format!r}.")
    found = [name for name, is_there in FORMATS.items() if is_there(directory)]
    if format is not None and format in found:
        return format
    if len(found) == 1 and format is None:
        return found[0]
    if directory.is_file():
        raise ValueError(
            f"{directory} is a file. Give the directory that it lies in, or, for one TensorFlow checkpoint of several, "
            "the path of its .index file without .index."
        )
    place = directory if directory.is_dir() else directory.parent
    files = ", ".join(sorted(path.name for path in place.iterdir())[:20]) or "nothing"
    if len(found) > 1 and format is None:
        raise ValueError(
            f"{directory} holds a checkpoint in {len(found)} formats: {', '.join(found)}. Say which one is meant: "
            f"format={found[0]!r}. It holds: {files}."
        )
    pickles = [name for name in _PICKLES if (directory / name).exists()]
    if pickles and format in (None, "huggingface"):
        raise ValueError(
            f"{directory / pickles[0]} is a Python pickle, which can run any code when it is opened, and is not read "
            f"here. If you trust it, convert it once with PyTorch, in that directory:\n  {_UNPICKLE}"
        )
    expected = "no checkpoint that is read here" if format is None else f"no checkpoint in the format {format!r}"
    raise ValueError(f"{directory} holds {expected}.\n{_EXPECTED}\nIt holds: {files}.")


def _is_own(directory):
    return (directory / OWN_FILE).exists()


def _is_huggingface(directory):
    has_weights = (directory / SINGLE).exists() or (directory / INDEX).exists()
    return has_weights and (directory / "config.json").exists()


def _is_google(directory):
    prefix = checkpoint_prefix(directory)
    return prefix is not None and not is_object_based(prefix)


def _is_model_garden(directory):
    prefix = checkpoint_prefix(directory)
    return prefix is not None and is_object_based(prefix)


def _is_keras_hub(directory):
    try:
        settings = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "class_name" in settings and "config" in settings


FORMATS: dict[str, Callable[[Path], bool]] = {
    "keras_bert_layers": _is_own,
    "huggingface": _is_huggingface,
    "google": _is_google,
    "model_garden": _is_model_garden,
    "keras_hub": _is_keras_hub,
}

_EXPECTED = (
    "Read are: a Hugging Face directory (config.json, model.safetensors or its shards with their index, vocab.txt or "
    "tokenizer.json), a TensorFlow checkpoint of Google's BERT or of the Model Garden (bert_config.json, *.ckpt.index "
    "and *.ckpt.data-*, vocab.txt), a keras-hub preset (config.json, model.weights.h5, assets), and what "
    "kbl.convert.save_pretrained wrote."
)


def checkpoint_prefix(directory: Path) -> Path | None:
    """The path, without `.index`, of the TensorFlow checkpoint in a directory; None if there is none.

    The file `checkpoint`, which TensorFlow writes, says which of several is meant. A path that is such a prefix already
    is the answer itself.
    """
    if Path(f"{directory}.index").exists():
        return directory
    prefixes = sorted(path.with_suffix("") for path in directory.glob("*.index"))
    if len(prefixes) < 2:
        return prefixes[0] if prefixes else None
    import tensorflow as tf

    latest = tf.train.latest_checkpoint(str(directory))
    if latest is None:
        raise ValueError(
            f"{directory} holds {len(prefixes)} TensorFlow checkpoints: {', '.join(path.name for path in prefixes)}. "
            "Keep one of them there, or give the path of one, without .index."
        )
    return Path(latest)


def is_object_based(prefix: Path) -> bool:
    """Whether a TensorFlow checkpoint was written by TF2's object-based saver."""
    from keras_bert_layers.convert.tensor_files import TensorFlowCheckpoint

    return "_CHECKPOINTABLE_OBJECT_GRAPH" in TensorFlowCheckpoint(prefix).shapes()
