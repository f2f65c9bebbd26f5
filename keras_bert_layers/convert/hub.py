"""Names on the Hugging Face hub."""

import re
from pathlib import Path

# What is read here; a repository holds the same weights for other frameworks as well.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*/config.json"]


def local_directory(path: str) -> Path:
    """`path` if it is there; else, for a name like `"org/name"`, where the hub's files were downloaded to.

    The prefix of a TensorFlow checkpoint (`.../bert_model.ckpt`) counts as there.

    Raises:
        ValueError: if there is no such directory and it can be no name on the hub, or the hub has not got it.
        ImportError: if the name needs the hub and huggingface_hub is not installed.
    """
    local = Path(path).expanduser()
    if local.exists() or Path(f"{local}.index").exists():
        return local
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path) or path.startswith("."):
        raise ValueError(
            f"There is no directory {path!r}. Expected the path of a checkpoint, or a name on the Hugging Face hub "
            'such as "google-bert/bert-base-uncased".'
        )
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"There is no directory {path!r}. To download it from the Hugging Face hub, install huggingface_hub: "
            "pip install 'keras_bert_layers[convert]'"
        ) from error
    try:
        return Path(huggingface_hub.snapshot_download(path, allow_patterns=_FILES))
    except Exception as error:
        raise ValueError(
            f"There is no directory {path!r} here, and fetching it from the Hugging Face hub failed: {error}. Check "
            "the name and the network, or download it elsewhere and give its path."
        ) from error
