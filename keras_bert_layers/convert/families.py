"""Which family of models a model belongs to."""

import keras

from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.huggingface import FAMILIES
from keras_bert_layers.models.encoder_parts import encoder_parts, is_rotary

__all__ = ["FAMILIES", "family_of"]


def family_of(model: keras.Model, model_type: str | None = None) -> Family:
    """The family that a model's parts make it one of, or the one that is named.

    Args:
        model: of keras_bert_layers.models, or of layers under the same names.
        model_type: Hugging Face's name of the family. Defaults to `None`: told by the model's parts.

    Raises:
        ValueError: if the name is unknown, or the model has no encoder.
    """
    if model_type is None:
        model_type = _type_of(model)
    if model_type not in FAMILIES:
        raise ValueError(f"`model_type` must be one of {', '.join(FAMILIES)}. Received: {model_type!r}.")
    return FAMILIES[model_type]


def _type_of(model):
    embeddings, _ = encoder_parts(model)
    named = {layer.name: layer for layer in model.layers}
    pooler = getattr(named.get("pooler"), "activation", None)
    if is_rotary(model):
        return "modernbert"
    if named["encoder"].order is not None:
        return "albert"
    if embeddings.projection is not None or "replaced_token" in named or pooler is keras.activations.gelu:
        return "electra"
    return "distilbert" if embeddings.segment_embedding is None else "bert"
