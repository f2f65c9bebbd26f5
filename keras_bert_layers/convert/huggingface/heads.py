"""Whether the heads of a model compute what transformers' class of that family and task computes."""

from typing import Any

import keras

from keras_bert_layers.convert.family import Family
from keras_bert_layers.convert.weight_map import parts_of
from keras_bert_layers.models.encoder_parts import activation_name

# `problem_type` of ClassificationHead -> that of config.json.
PROBLEM_TYPES = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "regression": "regression",
}


def check_heads(model: keras.Model, family: Family, config: Any, task: str) -> None:
    """Raises a ValueError that names the first setting of a head for which the family has another, fixed one."""
    named = {layer.name: layer for layer in model.layers}
    if task == "encoder" and "encoder" not in family.pooled and "pooler" in named:
        raise ValueError(
            f"{family.classes[task]} has no pooler; in this family it is the first part of a text classifier. Build "
            "the encoder with pooler=False, or put the classifier on it before it is written."
        )
    for path, expected in family.activations.items():
        layer, name = path.split(".")
        if layer in named:
            expected = config.activation if expected is None else expected
            _require(named[layer], name, activation_name(getattr(named[layer], name)), expected, family)
    if "head_pooling" in named and named["head_pooling"].mode == "max":
        raise ValueError(
            "The layer 'head_pooling' has mode='max', and Hugging Face's classifiers of a ModernBERT have 'cls' or "
            "'mean'. Save the model in this library's own format: `kbl.convert.save_pretrained`."
        )
    if "head_norm" in named:
        _require(named["head_norm"], "epsilon", named["head_norm"].epsilon, config.layer_norm_epsilon, family)
    head = named.get("masked_lm")
    if head is not None and "masked_lm" in parts_of(model):
        width = named["embeddings"].token_embedding.output_dim
        _require(head, "activation", activation_name(head.activation), "linear", family)
        _require(head, "norm.epsilon", head.norm.epsilon, config.layer_norm_epsilon, family)
        _require(head, "output_embedding.output_dim", head.output_embedding.output_dim, width, family)


def check_config(config: Any, owner: str, **fixed: Any) -> None:
    """Raises a ValueError that names the first field of the configuration for which `owner` has another value."""
    for name, value in fixed.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"Hugging Face's {owner} has {name}={value!r} and no other. Received a model with {name}="
                f"{getattr(config, name)!r}; save it in this library's own format: `kbl.convert.save_pretrained`."
            )


def require_segments(config: Any, owner: str) -> None:
    """Raises a ValueError if the configuration has no segments, which `owner` cannot be without."""
    if not config.num_segments:
        raise ValueError(
            f"Hugging Face's {owner} has segments, and this model has none (num_segments=0). A BERT without them is "
            "what Hugging Face calls a DistilBERT: build it with kbl.models.distilbert_encoder."
        )


def _require(layer, name, value, expected, family):
    if value != expected:
        raise ValueError(
            f"The layer {layer.name!r} has {name}={value!r}, and Hugging Face's {family.model_type} has {expected!r} "
            "there: it would compute something else. Name the family that is meant (`model_type`), or save the model "
            "in this library's own format: `kbl.convert.save_pretrained`."
        )
