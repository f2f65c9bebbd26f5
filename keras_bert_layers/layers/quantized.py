"""What layers with weights of eight bits have in common."""

import keras


def holds_int8(store) -> bool:
    """Whether saved weights are those of a layer that was quantized: the first one is of eight bits."""
    return "0" in store.keys() and str(store["0"].dtype) == "int8"  # noqa: SIM118, a store is no dict


def keras_quantizes(layer: keras.layers.Layer) -> bool:
    """Whether `quantize` was told how to round the inputs: only Keras' product knows of it."""
    quantizer = layer.inputs_quantizer
    return type(quantizer) is not keras.quantizers.AbsMaxQuantizer or quantizer.value_range != (-127, 127)
