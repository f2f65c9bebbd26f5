"""An encoder block that shows what it attends to."""

import keras

from keras_bert_layers.layers.parts import build_parts, deserialize_parts, serialize_part


@keras.saving.register_keras_serializable(package="keras_bert_layers")
class WatchedBlock(keras.layers.Layer):
    """A block's output and its attention probabilities, [B, S, H] and [B, N, S, S], with the arguments of the block.

    It stands in a functional model in the place of a block that has been called symbolically before: Keras takes a
    layer to have as many outputs in every call as in its first.
    """

    def __init__(self, block: keras.layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.block = block

    def build(self, inputs_shape):
        build_parts(inputs_shape, self.block)

    def call(self, inputs, mask=None, training=None, **arguments):
        if arguments.get("padding_mask") is None:
            arguments["padding_mask"] = mask
        return self.block(inputs, **{**arguments, "return_attention_scores": True}, training=training)

    def compute_output_spec(self, inputs, **arguments):
        num_heads = getattr(self.block.attention, "num_heads", None)
        if num_heads is None:
            return super().compute_output_spec(inputs, **arguments)
        # Known without tracing the block, which takes a second in a large one.
        batch, length = inputs.shape[:2]
        weights = keras.KerasTensor((batch, num_heads, length, length), dtype="float32")
        return keras.KerasTensor(inputs.shape, dtype=self.block.compute_dtype), weights

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "block": serialize_part(self.block)}

    @classmethod
    def from_config(cls, config):
        return super().from_config(deserialize_parts(config, "block"))
