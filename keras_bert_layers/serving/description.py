"""What a SavedModel says of itself."""

import hashlib
from collections.abc import Iterable

import keras
import numpy as np

from keras_bert_layers import models
from keras_bert_layers.models.task import task_of
from keras_bert_layers.serving.settings import Settings
from keras_bert_layers.version import __version__


def describe_model(model: keras.Model, preprocessor, settings: Settings) -> dict:
    """The facts by name: strings, integers and the list of labels.

    Returns:
        dict: `library_version`, `task`, `problem_type` (empty for what is no classifier), `labels` (none without
        names), `sequence_length`, `vocabulary_size`, and `weights_sha256`, `vocabulary_sha256`: hexadecimal.
    """
    vocabulary = preprocessor.tokenizer.vocabulary
    return {
        "library_version": __version__,
        "task": task_of(model),
        "problem_type": models.problem_type_of(model) or "",
        "labels": list(settings.labels or ()),
        "sequence_length": preprocessor.sequence_length,
        "vocabulary_size": len(vocabulary),
        "weights_sha256": weights_sha256(model),
        "vocabulary_sha256": _sha256(token.encode() + b"\n" for token in vocabulary),
    }


def weights_sha256(model: keras.Model) -> str:
    """SHA-256 of all weights in their order: the type, the shape and the bytes of each.

    Equal weights have equal ones, whatever the layers are called.
    """

    def parts():
        for weight in model.weights:
            array = np.ascontiguousarray(weight.value)
            yield f"{weight.dtype}{tuple(array.shape)}".encode()
            yield array.view(np.uint8) if array.ndim else array.tobytes()

    return _sha256(parts())


def _sha256(parts: Iterable) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
