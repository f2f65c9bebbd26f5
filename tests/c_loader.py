"""A C program that calls SavedModels: the loader and the runtime of a model server, and no Python in it."""

import io
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text

SOURCES = Path(__file__).parent / "serving_c"
LIBRARIES = sorted(Path(tensorflow_text.__file__).parent.glob("python/ops/*.so"))


@dataclass(frozen=True)
class Call:
    """A signature and its inputs by name; strings are arrays of bytes."""

    signature: str
    inputs: dict[str, np.ndarray]


@dataclass(frozen=True)
class Answer:
    """What came back: the code of the status (0 is success), its message, and the outputs by name."""

    code: int
    message: str
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


def compile_caller(folder: Path) -> Path:
    """Compiles the program against the C API that the tensorflow wheel carries."""
    tensorflow_folder = Path(tf.__file__).parent
    program = folder / "call_saved_model"
    # The usual linker takes ten seconds to read a library of a gigabyte; gold takes one.
    linker = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", "-lpthread", "-lm"]
    places = [f"-I{tensorflow_folder / 'include'}", f"-L{tensorflow_folder}", f"-Wl,-rpath,{tensorflow_folder}"]
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", *linker, *places]
    sources = sorted(SOURCES.glob("*.c"))
    subprocess.run(["gcc", *flags, "-o", program, *sources, *libraries], check=True)
    return program


def call(program: Path, model: Path, calls: list[Call], timeout: float = 300) -> list[Answer]:
    """One answer for each call, all from one process, in which none of Python's environment variables counts."""
    result = subprocess.run(
        [program, model, *LIBRARIES], input=encode(calls), stdout=subprocess.PIPE, timeout=timeout, check=True
    )
    return decode(result.stdout)


def call_at_once(program: Path, model: Path, calls: list[Call], threads: int, seconds: int) -> list[dict[str, int]]:
    """The calls over and over from all threads: what had happened after each second (after a minute, each tenth)."""
    options = [f"--threads={threads}", f"--seconds={seconds}"]
    result = subprocess.run(
        [program, *options, model, *LIBRARIES], input=encode(calls), stdout=subprocess.PIPE, check=True
    )
    header, *rows = (line.split("\t") for line in result.stdout.decode().splitlines())
    return [dict(zip(header, map(int, row), strict=True)) for row in rows]


def encode(calls: list[Call]) -> bytes:
    """As `serving_c/call_saved_model.c` and `serving_c/tensors.h` describe it."""
    parts = []
    for each in calls:
        parts += [_encode_text(each.signature), struct.pack("=I", len(each.inputs))]
        for name, array in each.inputs.items():
            parts += [_encode_text(name), _encode_tensor(np.asarray(array))]
    return b"".join(parts)


def decode(answers: bytes) -> list[Answer]:
    """The reverse of `encode`, of what comes back."""
    stream, decoded = io.BytesIO(answers), []
    while header := stream.read(4):
        (code,) = struct.unpack("=I", header)
        message = _decode_text(stream)
        (number,) = _unpack(stream, "I")
        decoded.append(Answer(code, message, {_decode_text(stream): _decode_tensor(stream) for _ in range(number)}))
    return decoded


def _encode_text(text):
    encoded = text.encode()
    return struct.pack("=I", len(encoded)) + encoded


def _encode_tensor(array):
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    header = struct.pack(f"=II{array.ndim}q", dtype.as_datatype_enum, array.ndim, *array.shape)
    if dtype != tf.string:
        return header + array.tobytes()
    return header + b"".join(struct.pack("=Q", len(value)) + value for value in array.ravel())


def _decode_text(stream):
    (length,) = _unpack(stream, "I")
    return stream.read(length).decode(errors="replace")  # messages may quote what came


def _decode_tensor(stream):
    kind, rank = _unpack(stream, "II")
    shape = _unpack(stream, f"{rank}q")
    dtype, count = tf.as_dtype(kind), int(np.prod(shape, dtype=np.int64))
    if dtype != tf.string:
        content = stream.read(count * dtype.size)
        return np.frombuffer(content, dtype.as_numpy_dtype).reshape(shape)
    strings = np.empty(count, object)
    for index in range(count):
        (length,) = _unpack(stream, "Q")
        strings[index] = stream.read(length)
    return strings.reshape(shape)


def _unpack(stream, form):
    return struct.unpack(f"={form}", stream.read(struct.calcsize(f"={form}")))
