"""Tiny random models of transformers, for each family and task, and what they compute beside what is computed here."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors.numpy", reason="needs safetensors: pip install '.[parity]'")
torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
transformers = pytest.importorskip("transformers", reason="needs Hugging Face transformers: pip install '.[parity]'")

VOCABULARY, CLASSES, SEGMENTS = 13, 4, 2

# TensorFlow and PyTorch share the cores; between them, each with a thread for every core, tiny models crawl.
torch.set_num_threads(1)

_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 9,
    "type_vocab_size": SEGMENTS,
}
# Family -> its configuration there: settings of a model with every kind of part in it.
CONFIGS = {
    "bert": (transformers.BertConfig, _SIZES),
    "albert": (
        transformers.AlbertConfig,
        {**_SIZES, "embedding_size": 4, "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
    ),
    "distilbert": (
        transformers.DistilBertConfig,
        {"vocab_size": VOCABULARY, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 12}
        | {"max_position_embeddings": 9},
    ),
    "electra": (transformers.ElectraConfig, {**_SIZES, "embedding_size": 4}),
    "modernbert": (
        transformers.ModernBertConfig,
        # Two kinds of blocks, windows that leave something out, and no ids of tokens beyond the vocabulary.
        {name: size for name, size in _SIZES.items() if name != "type_vocab_size"}
        | {"num_hidden_layers": 3, "global_attn_every_n_layers": 2, "local_attention": 4, "classifier_pooling": "mean"}
        | {f"{token}_token_id": None for token in ("bos", "eos", "cls", "sep")}
        | {"pad_token_id": 0},
    ),
}
_TASKS = {
    "encoder": "Model",
    "masked_lm": "ForMaskedLM",
    "pretraining": "ForPreTraining",
    "text_classification": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
}
_NAMES = {
    "bert": "Bert",
    "albert": "Albert",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "modernbert": "ModernBert",
}
CLASSES_THERE = {
    (family, task): getattr(transformers, _NAMES[family] + suffix)
    for family in CONFIGS
    for task, suffix in _TASKS.items()
    if hasattr(transformers, _NAMES[family] + suffix)
}
# What theirs puts out -> the name here; an output that is alone has no name here.
_OUTPUTS = {
    "last_hidden_state": "sequence_output",
    "pooler_output": "pooled_output",
    "prediction_logits": "masked_lm",
    "seq_relationship_logits": "next_sentence",
    "sop_logits": "next_sentence",
    "start_logits": "start",
    "end_logits": "end",
    "logits": None,
}

PADDING = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 0, 0, 0, 0]], "int32")


def reference(family: str, task: str, **settings):
    """A model of theirs in which every parameter is random, biases and normalizations too."""
    config_class, sizes = CONFIGS[family]
    labels = {"num_labels": CLASSES} if task.endswith("classification") else {}
    config = config_class(**{**sizes, **labels, **settings})
    config._attn_implementation = "eager"
    model = CLASSES_THERE[family, task](config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


def saved(model, directory: Path, **settings) -> Path:
    """The directory that transformers writes."""
    model.save_pretrained(directory, **settings)
    return directory


def rewrite(directory: Path, change) -> None:
    """Writes model.safetensors anew with `change(tensors)`."""
    tensors = dict(safetensors.load_file(directory / "model.safetensors"))
    safetensors.save_file(change(tensors), directory / "model.safetensors", metadata={"format": "pt"})


def renamed(changes: dict[str, str]):
    """A change for `rewrite`: every pattern replaced in every name."""

    def change(tensors):
        for pattern, replacement in changes.items():
            tensors = {re.sub(pattern, replacement, name): tensor for name, tensor in tensors.items()}
        return tensors

    return change


def set_config(directory: Path, **settings) -> None:
    """Sets entries of config.json; None removes one."""
    path = directory / "config.json"
    config = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def loaded(model_class, directory: Path):
    """The model that transformers reads there; a tensor that is missing, or left over, is an error."""
    model, about = model_class.from_pretrained(directory, output_loading_info=True, attn_implementation="eager")
    assert {name: list(found) for name, found in about.items() if found} == {}
    return model.eval()


def features(segments: int = SEGMENTS, length: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    """Padded rows of random ids."""
    rng = np.random.default_rng(seed)
    everywhere = np.tile(np.arange(length, dtype="int32"), (len(PADDING), 1))
    return {
        "token_ids": rng.integers(1, VOCABULARY, PADDING.shape).astype("int32") * PADDING,
        "segment_ids": rng.integers(0, max(segments, 1), PADDING.shape).astype("int32"),
        "padding_mask": PADDING,
        "mask_positions": everywhere,
    }


def assert_same_weights(actual, expected) -> None:
    """Two models of theirs hold the same, bit for bit."""
    actual, expected = actual.state_dict(), expected.state_dict()
    assert set(actual) == set(expected)
    assert [name for name in expected if not torch.equal(actual[name], expected[name])] == []


def outputs_there(model, inputs: dict[str, np.ndarray]) -> dict[str | None, np.ndarray]:
    """What a model of theirs makes of these features, by the names here."""
    tensors = {"input_ids": inputs["token_ids"], "attention_mask": inputs["padding_mask"]}
    if hasattr(model.config, "type_vocab_size"):
        tensors["token_type_ids"] = inputs["segment_ids"]
    with torch.no_grad():
        outputs = model(**{name: torch.from_numpy(array.astype("int64")) for name, array in tensors.items()})
    return {_OUTPUTS[name]: value.numpy() for name, value in outputs.items()}


def assert_same_outputs(model: keras.Model, theirs, segments: int = SEGMENTS, tolerance: float = 1e-5) -> None:
    """Both compute the same at every real position, and have the same outputs."""
    inputs = features(segments)
    expected = outputs_there(theirs, inputs)
    actual = model({name: inputs[name] for name in model.input})
    actual = actual if isinstance(actual, dict) else {None: actual}
    assert set(actual) == set(expected)
    for name, value in expected.items():
        here = keras.ops.convert_to_numpy(actual[name])
        assert here.shape == value.shape
        by_position = value.shape[:2] == PADDING.shape and name not in ("pooled_output", "next_sentence")
        real = PADDING.astype(bool) if by_position else slice(None)
        np.testing.assert_allclose(here[real], value[real], rtol=tolerance, atol=tolerance, err_msg=str(name))


def assert_same_outputs_there(actual, expected, segments: int = SEGMENTS) -> None:
    """Two models of theirs compute the same, but for the last digit: they have two forms of one GELU."""
    actual, expected = (outputs_there(model, features(segments)) for model in (actual, expected))
    assert set(actual) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-6, err_msg=str(name))
