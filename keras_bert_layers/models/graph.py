"""A functional model's graph run once more, on other inputs or with other calls, over the same layers."""

import inspect
from collections.abc import Callable

import keras
from keras import ops as kops

from keras_bert_layers import layers, ops


def fresh_inputs(model: keras.Model):
    """Inputs like those of a model, in the same structure."""
    check_functional(model)
    return keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name.split(":")[0]), _graph(model).input
    )


def run_graph(model: keras.Model, inputs, call: Callable):
    """What a functional model puts out when `call(operation, *args, **kwargs)` makes every call of its graph.

    Models inside the model are entered, so that `call` sees layers and operations only.

    Args:
        model: functional.
        inputs: symbolic, in the structure of `model.input`.
        call: gives the outputs of an operation; `operation(*args, **kwargs)` leaves everything as it is.

    Returns:
        The symbolic outputs, in the structure of `model.output`. Weights are shared, since the layers are the same.

    Raises:
        ValueError: if the model is not functional.
    """
    check_functional(model)

    def enter(operation, *args, **kwargs):
        if isinstance(operation, keras.Model) and is_functional(operation):
            inner = _graph(operation)
            return run_graph(inner, inner._standardize_inputs(args[0]), call)
        return call(operation, *args, **kwargs)

    return _graph(model)._run_through_graph(inputs, call_fn=enter)


def run_blocks(model: keras.Model, inputs, call: Callable):
    """`run_graph` that enters every EncoderStack as well: `call` sees its blocks, each with the masks of the stack.

    Every block runs for all positions, also where the stack keeps the first ones only. Padding comes out of each block
    as zeros, as in `EncoderStack.hidden_states`. It also stays in between Unpad and Repad: `call` sees whole batches
    there, with the mask of a layout in the place of the layout.
    """

    def enter(operation, *args, **kwargs):
        if not isinstance(operation, layers.EncoderStack):
            return call(operation, *args, **kwargs)
        given = inspect.signature(operation.call).bind(*args, **kwargs).arguments
        x, mask = given.pop("inputs"), given.pop("mask", None)
        if given.get("padding_mask") is None:
            given["padding_mask"] = mask
        kept = given.pop("keep_first", None)
        masks = {name: value for name, value in given.items() if value is not None}
        for index in operation.order or range(len(operation.blocks)):
            x = ops.clear_padding(call(operation.blocks[index], x, **masks), masks.get("padding_mask"))
        return x if kept is None else x[:, :kept]

    return run_graph(model, inputs, _with_padding(enter))


def _with_padding(call):
    """`call` for a graph whose tokens stay where Unpad would take them out."""

    def enter(operation, *args, **kwargs):
        pair = isinstance(operation, layers.Unpad | layers.Repad)
        if not pair and kwargs.get("layout") is None:
            return call(operation, *args, **kwargs)
        given = inspect.signature(operation.call).bind(*args, **kwargs).arguments
        if isinstance(operation, layers.Unpad):
            _, layout = operation(**given)
            return kops.cast(given["inputs"], operation.compute_dtype), layout
        mask = ops.Unpadding(*given.pop("layout")).mask
        if isinstance(operation, layers.Repad):
            return ops.clear_padding(given["inputs"], mask)
        return call(operation, **{"padding_mask": mask, **{name: x for name, x in given.items() if x is not None}})

    return enter


def is_functional(model) -> bool:
    """Whether a model has a graph, as one made by the functional API or a built Sequential."""
    return hasattr(_graph(model), "_run_through_graph")


def _graph(model):
    """The functional model that a Sequential is inside; any other model is its own."""
    return getattr(model, "_functional", None) or model


def check_functional(model) -> None:
    """Raises a ValueError unless the model has a graph of layers."""
    if not isinstance(model, keras.Model) or not is_functional(model):
        raise ValueError(
            "Expected a functional model, keras.Model(inputs, outputs), whose layers can be called once more. "
            f"Received: {model!r}. A `call` of a model's own hides its layers: compose it with the functional API."
        )
