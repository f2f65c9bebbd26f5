"""How sentence-transformers pools the vectors of a model: modules.json and the folders it names."""

import json
from dataclasses import dataclass
from pathlib import Path

from keras_bert_layers.convert.json_file import read_json_file

_MODES = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
_UNDERSTOOD = ("Transformer", "Pooling", "Normalize")


@dataclass(frozen=True)
class Pooling:
    """What a `text_embedder` needs to be told.

    Args:
        mode: `"cls"`, `"mean"` or `"max"`.
        normalize: whether the vectors have length 1.
        sequence_length: the longest input in tokens, or None if it is not limited.
    """

    mode: str
    normalize: bool
    sequence_length: int | None = None


def read_pooling(directory: Path) -> Pooling | None:
    """The pooling of a sentence-transformers directory, or None if it is no such directory.

    Raises:
        ValueError: if it has a module or a way of pooling that is not computed here.
    """
    if not (directory / "modules.json").exists():
        return None
    modules = read_json_file(directory / "modules.json")
    kinds = [module["type"].rsplit(".", 1)[-1] for module in modules]
    foreign = [kind for kind in kinds if kind not in _UNDERSTOOD]
    if foreign or "Pooling" not in kinds:
        raise ValueError(
            f"{directory / 'modules.json'} lists the modules {', '.join(kinds)}. A sentence embedding is computed here "
            f'from {", ".join(_UNDERSTOOD)} only. Load the encoder (task="encoder") and add the rest yourself.'
        )
    pooling = directory / modules[kinds.index("Pooling")]["path"] / "config.json"
    limits = directory / "sentence_bert_config.json"
    limit = read_json_file(limits).get("max_seq_length") if limits.exists() else None
    return Pooling(_mode(pooling), "Normalize" in kinds, limit)


def write_pooling(directory: Path, pooling: Pooling, width: int) -> None:
    """Makes the directory one that sentence-transformers reads."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if pooling.normalize else [])]
    paths = ["", *(f"{number}_{kind}" for number, kind in enumerate(kinds) if number)]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    settings = {"word_embedding_dimension": width}
    settings |= {f"pooling_mode_{theirs}": pooling.mode == ours for theirs, ours in _MODES.items()}
    for path in paths:
        (directory / path).mkdir(exist_ok=True)
    _write(directory / "modules.json", modules)
    _write(directory / "1_Pooling" / "config.json", settings)
    _write(
        directory / "sentence_bert_config.json",
        {"max_seq_length": pooling.sequence_length, "do_lower_case": False},
    )


def _mode(path):
    settings = read_json_file(path)
    chosen = [key.removeprefix("pooling_mode_") for key, value in settings.items() if value is True]
    chosen = [key for key in chosen if key != "include_prompt"]
    if isinstance(settings.get("pooling_mode"), str):
        chosen = [settings["pooling_mode"]]
    modes = [_MODES.get(key, key) for key in chosen]
    if len(modes) != 1 or modes[0] not in _MODES.values():
        raise ValueError(
            f"{path} pools by {', '.join(chosen) or 'nothing'}. Computed here is one of: {', '.join(_MODES)}. Load the "
            'encoder (task="encoder") and pool its sequence output yourself.'
        )
    return modes[0]


def _write(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
