"""What every layer with parts needs: to say what its parts are, to make them again, and to refuse a bad number."""

import keras
from keras.src.backend import set_keras_mask

# The initializer of every BERT weight matrix (Devlin et al.'s released code).
BERT_INITIALIZER = keras.initializers.TruncatedNormal(stddev=0.02)


def serialize_part(part: keras.layers.Layer | None) -> dict | None:
    """The config of an injected layer, the same before and after it is built; a shared part stays shared."""
    if part is None:
        return None
    # While a model is being saved, Keras marks an object as shared from its second serialization on. The mark is needed
    # on the first as well: the config of the layer that owns the part is copied before another layer's is made.
    keras.saving.serialize_keras_object(part)
    config = keras.saving.serialize_keras_object(part)
    config.pop("build_config", None)
    return config


def deserialize_parts(config: dict, *names: str) -> dict:
    """`config` with the named entries (a part, or a list of parts) turned back into layers."""
    return {
        name: keras.saving.deserialize_keras_object(value) if name in names and value is not None else value
        for name, value in config.items()
    }


def build_parts(shape: tuple, *parts: keras.layers.Layer | None) -> None:
    """Builds the parts that are there and not built yet: building a shared part again would give it new weights."""
    for part in parts:
        if part is not None and not part.built:
            part.build(shape)
            keep_frozen(part)


def keep_frozen(layer: keras.layers.Layer) -> None:
    """Freezes what a frozen layer has made while it was built: Keras tells only the parts that were there before."""
    if not layer.trainable:
        for part in layer._flatten_layers(include_self=False):
            part.trainable = False


def kept_shape(shape: tuple, keep_first: int | None) -> tuple:
    """The shape [B, S, H] of inputs when only the first `keep_first` positions are left, or as it was for `None`."""
    batch, length, width = shape
    if keep_first is not None and (length is not None or keep_first == 1):
        length = keep_first if length is None else min(keep_first, length)
    return batch, length, width


def with_kept_mask(outputs, mask, keep_first: int | None):
    """`outputs` with the implicit mask of the positions that were kept, where Keras would pass on that of all."""
    if mask is not None and keep_first is not None:
        set_keras_mask(outputs, mask[:, :keep_first])
    return outputs


def check_positive(owner: str, **values: int) -> None:
    """Raises a ValueError that names the first of `values` that is not a positive integer."""
    for name, value in values.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value <= 0:
            raise ValueError(f"`{name}` of {owner} must be a positive integer. Received: {value!r}.")


def check_rate(owner: str, **values: float) -> None:
    """Raises a ValueError that names the first of `values` that is not a dropout rate."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` of {owner} is the share of values set to zero and must be in [0, 1). Received: {value!r}."
            )
