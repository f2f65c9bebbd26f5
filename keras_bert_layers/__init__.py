"""BERT as composable Keras 3 layers on TensorFlow.

Importing this package imports neither Keras nor TensorFlow; each namespace loads when it is first used.
"""

import importlib

from keras_bert_layers.version import __version__

_NAMESPACES = (
    "compress",
    "convert",
    "data",
    "distribute",
    "interpret",
    "layers",
    "models",
    "ops",
    "serving",
    "text",
    "training",
)

__all__ = ["__version__", *_NAMESPACES]


def __getattr__(name: str):
    if name in _NAMESPACES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return sorted(__all__)
