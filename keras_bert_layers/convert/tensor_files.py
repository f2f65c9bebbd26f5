"""The files that hold tensors: safetensors and TensorFlow checkpoints. Nothing is ever unpickled."""

import contextlib
import json
from pathlib import Path

import numpy as np

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def require_safetensors():
    """The safetensors package.

    Raises:
        ImportError: if it is not installed; the message says how to get it.
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "Reading and writing safetensors files needs the package safetensors: "
            "pip install 'keras_bert_layers[convert]'"
        ) from error
    return safetensors


class SafetensorsFiles:
    """The tensors of `model.safetensors`, or of the shards that `model.safetensors.index.json` lists.

    Args:
        directory: where the files lie.

    Raises:
        ValueError: if a file is truncated, a shard is missing, or the index and the shards disagree.
    """

    def __init__(self, directory: Path):
        self._library = require_safetensors()
        self.place = str(directory / SINGLE)
        index = directory / INDEX
        if index.exists():
            self.place = str(index)
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            absent = sorted({shard for shard in names.values() if not (directory / shard).exists()})
            if absent:
                raise ValueError(
                    f"{index} lists the shard(s) {', '.join(absent)}, which are not there. Download them again."
                )
        else:
            names = None
        files = sorted(set(names.values())) if names else [SINGLE]
        self._files, self._shapes = {}, {}
        for file in files:
            with self._opened(directory / file) as opened:
                for name in opened.keys():  # noqa: SIM118 (it is no dict)
                    tensor = opened.get_slice(name)
                    dtype = tensor.get_dtype()
                    self._files[name] = directory / file
                    self._shapes[name] = (tuple(tensor.get_shape()), _DTYPES.get(dtype, dtype))
        if names is not None and set(names) != set(self._files):
            differing = sorted(set(names) ^ set(self._files))
            raise ValueError(
                f"{index} and its shards disagree about {len(differing)} tensor(s), the first one {differing[0]!r}. "
                "The files come from different checkpoints or a download broke off: fetch all of them again."
            )

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        return self._shapes

    def read(self, name: str) -> np.ndarray:
        # Opened anew for every tensor: a file that stays mapped keeps all pages that were read in memory.
        with self._opened(self._files[name]) as opened:
            return opened.get_tensor(name)

    @contextlib.contextmanager
    def _opened(self, file):
        try:
            with self._library.safe_open(str(file), "np") as opened:
                yield opened
        except self._library.SafetensorError as error:
            raise ValueError(
                f"{file} is truncated or no safetensors file ({file.stat().st_size:,} bytes): {error}. Download "
                "it again."
            ) from error


class TensorFlowCheckpoint:
    """The variables of a TensorFlow checkpoint (TF1 or TF2), read by `tf.train.load_checkpoint`.

    Args:
        prefix: the path without `.index`, such as `bert_model.ckpt`.

    Raises:
        ValueError: if a file is missing, truncated, or no checkpoint.
    """

    def __init__(self, prefix: Path):
        import tensorflow as tf

        self.place = str(prefix)
        with self._explained():
            self._reader = tf.train.load_checkpoint(self.place)
            dtypes = self._reader.get_variable_to_dtype_map()
            self._shapes = {
                name: (tuple(shape), dtypes[name].name)
                for name, shape in self._reader.get_variable_to_shape_map().items()
            }

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        return self._shapes

    def read(self, name: str) -> np.ndarray:
        with self._explained():
            return self._reader.get_tensor(name)

    @contextlib.contextmanager
    def _explained(self):
        import tensorflow as tf

        try:
            yield
        except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:  # IndexError: a file that is cut off
            raise ValueError(
                f"The TensorFlow checkpoint {self.place} cannot be read: {error}. It consists of an .index file and "
                "one or several .data files; check that all are there, and download them again."
            ) from error


class Arrays:
    """Tensors that are in memory already."""

    def __init__(self, place: str, arrays: dict[str, np.ndarray]):
        self.place = place
        self._arrays = arrays

    def shapes(self) -> dict[str, tuple[tuple[int, ...], str]]:
        return {name: (tuple(array.shape), array.dtype.name) for name, array in self._arrays.items()}

    def read(self, name: str) -> np.ndarray:
        return self._arrays[name]
