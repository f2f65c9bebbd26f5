"""The machine that figures are measured on, and the versions of what they are measured with."""

import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path

CPU_INFO, MEMORY_INFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")
# Those that products of matrices become faster by.
TELLING = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm")
PACKAGES = (
    *("keras_bert_layers", "tensorflow", "tensorflow-text", "keras", "keras-hub", "torch", "transformers"),
    *("tokenizers", "onnxruntime", "onnx", "tf-models-official", "numpy"),
)
# What changes how fast these libraries are.
VARIABLES = ("TF_ENABLE_ONEDNN_OPTS", "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "TF_XLA_FLAGS")


def processor_flags() -> set[str]:
    """What the processor can do, in the words of Linux; empty elsewhere."""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", _text(CPU_INFO), re.MULTILINE)
    return set(found[1].split()) if found else set()


def quick_types() -> set[str]:
    """`processor_flags`, and what a GPU adds to them."""
    return processor_flags() | ({"bf16"} if shutil.which("nvidia-smi") else set())


def describe() -> dict:
    """The processor, memory, system, settings and versions."""
    names = re.findall(r"^model name\s*:\s*(.*)$", _text(CPU_INFO), re.MULTILINE)
    kilobytes = re.search(r"^MemTotal:\s*(\d+)", _text(MEMORY_INFO), re.MULTILINE)
    flags = processor_flags()
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "instructions": [flag for flag in TELLING if flag in flags],
        "memory_gib": round(int(kilobytes[1]) / 2**20, 1) if kilobytes else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "versions": {package: version for package in PACKAGES if (version := _version(package))},
    }


def lines(machine: dict) -> list[str]:
    """The description in Markdown."""
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    variables = ", ".join(f"`{name}={value}`" for name, value in machine["variables"].items())
    memory = f", {machine['memory_gib']} GiB of memory" if machine["memory_gib"] else ""
    return [
        f"- {machine['processor']}, {machine['cores']} cores{memory}, {machine['system']}",
        f"- instructions: {', '.join(machine['instructions']) or 'none that is looked for'}",
        f"- Python {machine['python']}, {versions}",
        f"- TensorFlow's variables: {variables or 'none is set'}",
    ]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return _own_version() if package == "keras_bert_layers" else None


def _own_version() -> str:
    # Also where the library is on the path and not installed. Importing it loads nothing heavy.
    import keras_bert_layers

    return keras_bert_layers.__version__


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
