"""keras-hub's BERT: a preset directory, or a model in memory."""

import contextlib
from pathlib import Path

import keras

from keras_bert_layers.convert.checkpoint import Checkpoint
from keras_bert_layers.convert.json_file import read_json_file
from keras_bert_layers.convert.keras_hub_model import CLASSES, checkpoint_of

_BACKBONE, _TASK = "config.json", "task.json"
_PREPROCESSOR, _TOKENIZER = "preprocessor.json", "tokenizer.json"
# What Keras writes into a file of weights beside them.
_STATE = ("optimizer", "seed_generator")


def read_keras_hub(directory: Path) -> Checkpoint:
    """What a preset directory holds, read by keras-hub itself, without the network.

    Raises:
        ValueError: if a file is missing or damaged, holds more or fewer weights than it should, or describes a class
            that is not read here.
    """
    import keras_hub

    names = [_class_in(directory / file) for file in (_TASK, _BACKBONE) if (directory / file).exists()]
    settings = {"preprocessor": None, "compile": False} if len(names) > 1 else {}
    # An absolute path can be no name of a preset on the network.
    place = str(directory.resolve())
    with _explained(directory):
        model = getattr(keras_hub.models, names[0]).from_preset(place, dtype="float32", **settings)
    _check_files(directory, model)
    limit = None
    if (directory / _PREPROCESSOR).exists():
        limit = read_json_file(directory / _PREPROCESSOR)["config"].get("sequence_length")

    def tokenizer():
        if not (directory / _TOKENIZER).exists():
            raise ValueError(
                f"{directory} has no {_TOKENIZER}. Save the preset with its tokenizer, or pass tokenizer=False to load "
                "the model without."
            )
        with _explained(directory):
            return keras_hub.models.BertTokenizer.from_preset(place)

    return checkpoint_of(model, str(directory), tokenizer, limit)


def read_keras_hub_model(model: keras.Model) -> Checkpoint:
    """What a keras-hub model in memory holds; with a tokenizer if it has a preprocessor.

    Raises:
        ValueError: if it is of a class that is not read here, or computes what is not computed here.
    """
    kind = type(model)
    if kind.__name__ not in CLASSES or not kind.__module__.startswith("keras_hub."):
        raise ValueError(
            f"Expected the path of a checkpoint, or a keras-hub model: {', '.join(CLASSES)}. Received: {model!r}."
        )
    preprocessor = getattr(model, "preprocessor", None)
    limit = getattr(preprocessor, "sequence_length", None)
    return checkpoint_of(
        model, f"the keras-hub model {model.name!r}", lambda: getattr(preprocessor, "tokenizer", None), limit
    )


def _class_in(path: Path) -> str:
    settings = read_json_file(path)
    name = settings.get("class_name")
    if name not in CLASSES or str(settings.get("registered_name")).rpartition(">")[2] != name:
        raise ValueError(
            f"{path} describes the class {settings.get('registered_name') or name!r} of keras-hub. Read here are: "
            f"{', '.join(CLASSES)}."
        )
    return name


@contextlib.contextmanager
def _explained(directory: Path):
    try:
        yield
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise ValueError(
            f"keras-hub cannot read the preset {directory}: {error}\nCheck that all of its files are there and belong "
            "together, and download it again."
        ) from error


def _check_files(directory: Path, model: keras.Model) -> None:
    """keras-hub reads what it looks for and no more, and leaves a head without a file as it was drawn."""
    count = len(getattr(model, "backbone", model).weights)
    for pattern, expected in {"model*.weights.h5": count, "task.weights.h5": len(model.weights) - count}.items():
        found = sum(_count_weights(path) for path in directory.glob(pattern))
        if found != expected:
            raise ValueError(
                f"{directory / pattern} must hold {expected} weights, as the .json files describe the model. It holds "
                f"{found}. They do not belong together: save the preset again, or copy all of its files."
            )


def _count_weights(path: Path) -> int:
    import h5py

    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sum(not any(state in name for state in _STATE) for name in names)
