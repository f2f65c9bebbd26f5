"""The same ids through the library whose format a checkpoint is in, where that is installed."""

import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np

from keras_bert_layers.convert import Pretrained
from keras_bert_layers.convert.families import FAMILIES

LIBRARIES = {"huggingface": "transformers", "keras_hub": "keras-hub"}
_NEEDED = {"huggingface": ("torch", "transformers"), "keras_hub": ("keras_hub",)}
_LOGITS = {"pretraining": "replaced_token"}  # of ELECTRA; the others are called like the task


def missing_packages(format: str) -> list[str]:
    """What has to be installed before a checkpoint of this format runs in its own library."""
    return [package for package in _NEEDED[format] if importlib.util.find_spec(package) is None]


def outputs_there(format: str, directory: Path, loaded: Pretrained, features: dict) -> dict[str, np.ndarray]:
    """The outputs of a checkpoint in the format's own library, under the names that they have here.

    Args:
        format: a key of `LIBRARIES`.
        directory: of the checkpoint.
        loaded: the same, or what it was made from, as loaded here: its task is run.
        features: the ids.
    """
    run = {"huggingface": run_transformers, "keras_hub": run_keras_hub}[format]
    outputs = run(directory, loaded, features)
    if loaded.task == "sentence_embedding" and loaded.task not in outputs:
        outputs["sentence_embedding"] = sentence_vectors(outputs["sequence_output"], features["padding_mask"], loaded)
    return outputs


def run_transformers(directory: Path, loaded: Pretrained, features: dict) -> dict[str, np.ndarray]:
    """The outputs in Hugging Face transformers.

    Raises:
        ValueError: if transformers misses a weight in the checkpoint, and makes it up.
    """
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    classes = FAMILIES[loaded.model_type].classes
    model_class = getattr(transformers, classes[loaded.task if loaded.task in classes else "encoder"])
    model, loading = model_class.from_pretrained(
        str(directory), dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    made_up = sorted(loading["missing_keys"])
    if any("pooler" not in name for name in made_up):
        raise ValueError(f"the checkpoint lacks {', '.join(made_up[:3])} of {model_class.__name__}")
    tensors = {
        "input_ids": features["token_ids"],
        "token_type_ids": features["segment_ids"],
        "attention_mask": features["padding_mask"],
    }
    known = inspect.signature(model.base_model.forward).parameters
    tensors = {name: torch.tensor(value.tolist()) for name, value in tensors.items() if name in known}
    with torch.no_grad():
        body, whole = model.eval().base_model(**tensors), model(**tensors)
    outputs = {"sequence_output": body.last_hidden_state, **_heads(loaded.task, whole)}
    if getattr(body, "pooler_output", None) is not None and not made_up:
        outputs["pooled_output"] = body.pooler_output
    return {name: value.numpy() for name, value in outputs.items()}


def _heads(task, outputs):
    for pairs in ("seq_relationship_logits", "sop_logits"):
        if pairs in outputs:
            return {"masked_lm": outputs.prediction_logits, "next_sentence": outputs[pairs]}
    if "start_logits" in outputs:
        return {"start": outputs.start_logits, "end": outputs.end_logits}
    return {_LOGITS.get(task, task): outputs.logits} if "logits" in outputs else {}


def transformers_ids(directory: Path, texts: list[str]) -> list[list[int]] | None:
    """The token ids of the texts by the checkpoint's tokenizer in transformers; None if it would have to guess one."""
    import transformers

    if not any((directory / name).exists() for name in ("tokenizer.json", "tokenizer_config.json")):
        return None
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(directory), local_files_only=True)
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def run_keras_hub(directory: Path, loaded: Pretrained, features: dict) -> dict[str, np.ndarray]:
    """The outputs of the backbone in keras-hub and, where the preset is of a task, of its head."""
    import keras_hub

    backbone = keras_hub.models.Backbone.from_preset(str(directory), dtype="float32")
    outputs = dict(backbone({name: features[name] for name in backbone.input}))
    if (directory / "task.json").exists():
        name = json.loads((directory / "task.json").read_text(encoding="utf-8"))["class_name"]
        model = getattr(keras_hub.models, name).from_preset(str(directory), dtype="float32", preprocessor=None)
        everywhere = np.broadcast_to(np.arange(features["token_ids"].shape[1]), features["token_ids"].shape)
        outputs[loaded.task] = model({name: {**features, "mask_positions": everywhere}[name] for name in model.input})
    return {name: np.asarray(value) for name, value in outputs.items()}


def sentence_vectors(sequence: np.ndarray, padding_mask: np.ndarray, loaded: Pretrained) -> np.ndarray:
    """The pooling of `loaded`, computed by NumPy from another library's sequence output."""
    named = {layer.name: layer for layer in loaded.model.layers}
    mask = padding_mask[..., np.newaxis]
    vectors = {
        "cls": lambda: sequence[:, 0],
        "mean": lambda: (sequence * mask).sum(axis=1) / mask.sum(axis=1),
        "max": lambda: np.where(mask == 1, sequence, -np.inf).max(axis=1),
    }[named["pooling"].mode]()
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True) if "normalize" in named else vectors
