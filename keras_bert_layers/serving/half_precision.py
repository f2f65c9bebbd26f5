"""A model with its weights in bfloat16."""

import keras
from keras.src.saving.serialization_lib import ObjectSharingScope


def in_bfloat16(model: keras.Model) -> keras.Model:
    """A copy of a model that keeps its weights and computes in bfloat16: half the size on disk and in memory.

    Parts that are shared in the model, such as the matrix of a masked-LM head, are shared in the copy. Normalizations
    and softmax compute in float32, as under the policy `mixed_bfloat16`.

    Raises:
        ValueError: if the copy has other weights: a layer of its own has not all it needs in its configuration.
    """
    # As in a `.keras` file: without the scope, what is shared would be copied for each place it stands in.
    with ObjectSharingScope():
        config = keras.saving.serialize_keras_object(model)
    with ObjectSharingScope():
        copy = keras.saving.deserialize_keras_object(_with_policy(config))
    shapes = [[weight.shape for weight in each.weights] for each in (model, copy)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{model.name!r} cannot be copied by its configuration: {len(shapes[0])} weights became {len(shapes[1])}. "
            "Export it without `weights`."
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
