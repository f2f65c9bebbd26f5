"""Copies of a model whose weights take less room."""

from collections.abc import Callable, Iterable, Mapping

import keras
from keras.src.saving.serialization_lib import ObjectSharingScope

from keras_bert_layers.layers import Linear, TokenEmbedding


def in_bfloat16(model: keras.Model) -> keras.Model:
    """A copy of a model that keeps its weights and computes in bfloat16: half the size on disk and in memory.

    Parts that are shared in the model, such as the matrix of a masked-LM head, are shared in the copy. Normalizations
    and softmax compute in float32, as under the policy `mixed_bfloat16`.

    Raises:
        ValueError: if the copy has other weights: a layer of its own has not all it needs in its configuration; or if
            the model has integers for weights.
    """
    return _copied(model, _with_policy)


def in_int8(model: keras.Model, embeddings: bool = True, calibration: Iterable[Mapping] | None = None) -> keras.Model:
    """A copy of a float32 model with matrices of eight bits, each number within half a step of what it was.

    These are the matrices of every `Linear` but those named `logits`, which cost nothing and give the answer, and with
    `embeddings` the tables of every `TokenEmbedding`. All else is as it was.

    Args:
        model: built by keras_bert_layers.models, or of layers of this library.
        embeddings: whether tables become integers too.
        calibration: batches of inputs by name, or of these and labels, by which the ranges of all products' inputs are
            fixed. Defaults to `None`: each row's own.

    Raises:
        ValueError: if the model has none of these layers or is not in float32, or `calibration` is empty.
    """
    copy = _copied(model, lambda config: config)
    linear = [layer for layer in _of_type(copy, Linear) if layer.name != "logits"]
    tables = _of_type(copy, TokenEmbedding) if embeddings else []
    others = sorted({layer.variable_dtype for layer in [*linear, *tables]} - {"float32"})
    if not linear or others:
        found = f"weights in {', '.join(others)}" if others else "no Linear layer"
        raise ValueError(
            f"Integers of eight bits are made of the Linear layers of a float32 model. {model.name!r} has {found}."
        )
    for layer in [*linear, *tables]:
        layer.quantize("int8")
    if calibration is not None:
        _calibrate(copy, linear, calibration)
    return copy


def is_quantized(model: keras.Model) -> bool:
    """Whether a model has integers for weights."""
    return any(layer.quantization_mode is not None for layer in model._flatten_layers())


def check_not_quantized(model: keras.Model, purpose: str) -> None:
    """Raises a ValueError if a model has integers for weights, which `purpose` cannot work on."""
    if is_quantized(model):
        raise ValueError(
            f"{model.name!r} has integers for weights, and {purpose} needs the floats. Do it with the model that was "
            "quantized, and quantize what comes of it: keras_bert_layers.compress.quantize."
        )


def precision_of(model: keras.Model) -> str:
    """The least exact numbers that a model computes with: `"int8"`, `"bfloat16"`, `"float16"` or `"float32"`."""
    if is_quantized(model):
        return "int8"
    found = {layer.compute_dtype for layer in model._flatten_layers() if layer.weights}
    return next((dtype for dtype in ("bfloat16", "float16") if dtype in found), "float32")


def _calibrate(model, linear, batches):
    found = False
    for layer in linear:
        layer.calibrate(True)
    for batch in batches:
        found = True
        features = batch[0] if isinstance(batch, tuple) else batch
        model({name: features[name] for name in model.input}, training=False)
    for layer in linear:
        layer.calibrate(False)
    if not found:
        raise ValueError("`calibration` must give batches of the model's inputs. Received none.")


def _of_type(model, kind):
    return [layer for layer in model._flatten_layers() if type(layer) is kind]


def _copied(model: keras.Model, changed: Callable) -> keras.Model:
    """A model by a changed configuration, with the same weights."""
    if is_quantized(model):
        raise ValueError(f"{model.name!r} has integers for weights already. Begin with the model that it was made of.")
    # As in a `.keras` file: without the scope, what is shared would be copied for each place it stands in.
    with ObjectSharingScope():
        config = keras.saving.serialize_keras_object(model)
    with ObjectSharingScope():
        copy = keras.saving.deserialize_keras_object(changed({**config, "compile_config": None}))
    shapes = [[weight.shape for weight in each.weights] for each in (model, copy)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{model.name!r} cannot be copied by its configuration: {len(shapes[0])} weights became {len(shapes[1])}. "
            "Keep its weights as they are."
        )
    for weight, copied in zip(model.weights, copy.weights, strict=True):
        copied.assign(weight)
    return copy


def _with_policy(config):
    """A configuration in which every policy of a dtype is bfloat16."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "bfloat16"}}
        return {key: _with_policy(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_with_policy(value) for value in config)
    return config
