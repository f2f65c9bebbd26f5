"""A layer whose activations are not kept for the backward pass."""

import keras
from keras import ops as kops

from keras_bert_layers import ops


def recomputed(layer: keras.layers.Layer, inputs, **arguments):
    """layer(inputs, **arguments), which runs again for its gradient: the same weights, the same random numbers.

    The layer is called as a function of its weights and states. States, such as those of seed generators, move on once.

    Args:
        layer: built, and without losses of its own.
        inputs: float tensor; it gets a gradient, and so do the layer's trainable weights, and no other tensor.
        **arguments: of its call, among them `training`.

    Returns:
        float tensor, the layer's output.

    Raises:
        ValueError: if the layer adds a loss in its call.
    """
    weights, states = layer.trainable_variables, layer.non_trainable_variables
    changed = []

    def call(inputs, *values):
        given = list(zip([*weights, *states], values, strict=True))
        with keras.StatelessScope(given, collect_losses=True) as scope:
            outputs = layer(inputs, **arguments)
        if scope.losses:
            raise ValueError(
                f"{layer.name!r} adds a loss in its call, whose gradient would be lost where activations are computed "
                "again. Use recompute=False, or add the loss outside of the block."
            )
        after = [(variable, scope.get_current_value(variable), value) for variable, value in given]
        changed.append([(variable, new) for variable, new, old in after if new is not old])
        return outputs

    inputs = [inputs, *map(_value_of, weights)]
    outputs = ops.recompute(call, inputs, [_value_of(state) for state in states])
    first_run = changed[0]
    for state, value in first_run:
        state.assign(value)
    return outputs


def _value_of(variable):
    """What a variable holds now, in its own dtype also within a layer that computes in another."""
    with keras.StatelessScope() as scope:
        outer = scope.original_scope
    value = None if outer is None else outer.get_current_value(variable)
    return kops.copy(variable._value if value is None else value)
