"""What the sides of the comparison of speed that run on PyTorch have in common: threads and the device."""

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import torch
import transformers


def start(options) -> None:
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    transformers.utils.logging.set_verbosity_error()


def place() -> str:
    """Where models and batches go."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def device() -> str:
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
