"""The dense layer that every projection here is made of."""

import keras
from keras import ops as kops

from keras_bert_layers import ops
from keras_bert_layers.layers.quantized import holds_int8, keras_quantizes, release_variable
from keras_bert_layers.ops.tracing import is_recorded


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class Linear(keras.layers.Dense):
    """activation(x W + b) over the last axis: `keras.layers.Dense`, computed in the form that fuses.

    All of Dense is here (`enable_lora`, `quantize`, regularizers, constraints); only the product differs. Positions do
    not mix, so it needs no mask and passes one on unchanged.

    After `quantize("int8")`, W is kept in eight bits and the product is one of integers (`ops.quantized_linear`), with
    ranges of the inputs taken row by row, or fixed by `calibrate`. In training, the product is Keras'. Weights that
    were saved so turn the layer that loads them into such a one.

    Args:
        units: int > 0. Width O of the output.
        activation: str or callable. Defaults to `None`, the identity.
        **kwargs: the other arguments of `keras.layers.Dense`.

    Call arguments:
        inputs: float [..., I], at least of rank 2.

    Returns:
        float [..., O].

    Raises:
        ValueError: if `units` is not positive.

    Example:
        >>> import numpy as np
        >>> Linear(8)(np.zeros((2, 3, 4), "float32")).shape
        TensorShape([2, 3, 8])
    """

    calibrating = False

    @property
    def kernel(self):
        """W; of eight bits, the numbers that these stand for."""
        if self.quantization_mode != "int8" or self.lora_enabled:
            return super().kernel
        return kops.cast(self._kernel, self.kernel_scale.dtype) / self.kernel_scale

    def call(self, inputs, training=None):
        return ops.linear(inputs, self.kernel, self.bias, self.activation)

    def quantize(self, mode=None, type_check=True, config=None):
        # Keras refuses subclasses, whose products may be others than its own.
        super().quantize(mode, type_check and type(self) is not Linear, config)

    def __delattr__(self, name):
        release_variable(self, name)
        super().__delattr__(name)

    def calibrate(self, on: bool) -> None:
        """Switched on, after `quantize("int8")`: the layer notes the range of its inputs, call by call, to use it from
        switching off on."""
        if on and self.quantization_mode != "int8":
            raise ValueError(f'{self.path!r} has ranges of inputs after `quantize("int8")` only.')
        if on:
            self._add_inputs_range()
            self.inputs_range.assign(0.0)
        self.calibrating = on

    def load_own_variables(self, store):
        if self.quantization_mode is None and holds_int8(store):
            self.quantize("int8")
        if self.quantization_mode == "int8" and len(store.keys()) > 2 + self.use_bias:
            self._add_inputs_range()
        super().load_own_variables(store)

    @property
    def variable_serialization_spec(self):
        spec = super().variable_serialization_spec
        return {**spec, "int8": [*spec["int8"], *(["inputs_range"] if hasattr(self, "inputs_range") else [])]}

    def _int8_call(self, inputs, training=None):
        if training or is_recorded() or self.lora_enabled or keras_quantizes(self):
            return super()._int8_call(inputs, training)
        if self.calibrating:
            self.inputs_range.assign(kops.max(kops.abs(inputs), initial=self.inputs_range))
        fixed = hasattr(self, "inputs_range") and not self.calibrating
        inputs_range = self.inputs_range if fixed else None
        return ops.quantized_linear(
            inputs, self._kernel, 1 / self.kernel_scale, self.bias, self.activation, inputs_range
        )

    def _add_inputs_range(self):
        if hasattr(self, "inputs_range"):
            return
        self._tracker.unlock()
        self.inputs_range = self.add_weight((), "zeros", "float32", trainable=False, name="inputs_range")
        self._tracker.lock()
