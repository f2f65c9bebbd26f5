"""What layers with weights of eight bits have in common."""

import keras


def holds_int8(store) -> bool:
    """Whether saved weights are those of a layer that was quantized: the first one is of eight bits."""
    return "0" in store.keys() and str(store["0"].dtype) == "int8"  # noqa: SIM118, a store is no dict


def keras_quantizes(layer: keras.layers.Layer) -> bool:
    """Whether `quantize` was told how to round the inputs: only Keras' product knows of it."""
    quantizer = layer.inputs_quantizer
    return type(quantizer) is not keras.quantizers.AbsMaxQuantizer or quantizer.value_range != (-127, 127)


def release_variable(layer: keras.layers.Layer, name: str) -> None:
    """Puts None in the place of a variable that is about to be deleted.

    Deleting the variable itself, Keras would collect garbage: half a second for each of a model's matrices.
    """
    variable = getattr(layer, name)
    if isinstance(variable, keras.Variable):
        layer._untrack_variable(variable)
        setattr(layer, name, None)
