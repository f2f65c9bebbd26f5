"""A model compiled by XLA for a few shapes, to which features are padded."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_bert_layers.serving.forward import Forward, input_specs, plain_forward, traced_forward

# Numbers of masked positions, to the next of which a batch is padded.
_MASKS = (1, 4, 16, 64, 256)


def check_compiled_lengths(lengths: Sequence[int], model: keras.Model, sequence_length: int) -> tuple[int, ...]:
    """The lengths in order.

    Raises:
        ValueError: if one is no length from 3 to `sequence_length`, or the model could not tell padding from tokens.
    """
    if any(not isinstance(length, int) or not 3 <= length <= sequence_length for length in lengths):
        raise ValueError(
            "`compiled_lengths` must be lengths from 3 to the preprocessor's sequence_length, "
            f"{sequence_length}. Received: {tuple(lengths)}. Leave larger ones out, or build the preprocessor with a "
            "larger sequence_length."
        )
    missing = [name for name in ("token_ids", "padding_mask") if name not in model.input]
    if lengths and missing:
        raise ValueError(
            f"`compiled_lengths` pads `token_ids` and marks that in `padding_mask`, but the model has no input "
            f"`{missing[0]}`. Its inputs: {sorted(model.input)}. Leave `compiled_lengths` out."
        )
    return tuple(sorted(set(lengths)))


def compiled_forward(
    model: keras.Model, lengths: tuple[int, ...], batch_sizes: tuple[int, ...], pad_id: int
) -> Forward:
    """The model as one program of XLA for each length and batch size, and as a plain graph for what is longer.

    Features [B, S] are padded to the shortest length that holds S, and to the smallest batch size that holds B, above
    the largest to a multiple of it; outputs are cut back to S and B. A batch of no row goes to the plain graph.

    Args:
        model: with inputs `token_ids` and `padding_mask`.
        lengths: ascending.
        batch_sizes: ascending.
        pad_id: fills `token_ids`.
    """
    plain = traced_forward(model)
    branches = [_compiled(model, length, pad_id) for length in lengths]

    def run(features):
        features = {name: features[name] for name in model.input}
        rows, length = tf.unstack(tf.shape(features["token_ids"]))
        size = _next_of(batch_sizes, rows)
        place = tf.reduce_sum(tf.cast(tf.constant(lengths) < length, tf.int32))
        place = tf.where(rows == 0, len(lengths), place)
        compiled = [lambda branch=branch: branch(features, size) for branch in branches]
        return tf.switch_case(place, [*compiled, lambda: plain(features)])

    return run


def _compiled(model, length, pad_id):
    """The program for one length, to be called with shorter features and fewer rows than `size`."""
    specs = {
        name: tf.TensorSpec((None, None if name == "mask_positions" else length), spec.dtype, name=name)
        for name, spec in input_specs(model).items()
    }
    function = tf.function(plain_forward(model), input_signature=[specs], jit_compile=True, autograph=False)
    graph = function.get_concrete_function()
    axes = _second_axes(model, graph.structured_outputs)

    def run(features, size):
        rows, present = tf.unstack(tf.shape(features["token_ids"]))
        masks = tf.shape(features["mask_positions"])[1] if "mask_positions" in features else tf.constant(0)
        padded = {}
        for name, value in features.items():
            missing = _next_of(_MASKS, masks) - masks if name == "mask_positions" else length - present
            filling = {"token_ids": pad_id, "mask_positions": -1}.get(name, 0)
            value = tf.pad(value, [[0, size - rows], [0, missing]], constant_values=filling)
            padded[name] = tf.ensure_shape(value, specs[name].shape)
        outputs = {name: value[:rows] for name, value in graph(padded).items()}
        ends = {"tokens": present, "masks": masks}
        return {name: value[:, : ends[axes[name]]] if axes[name] else value for name, value in outputs.items()}

    return run


def _second_axes(model, outputs):
    """What stands on the second axis of each output: "tokens", "masks", or None for what has the same size always."""
    symbols = model.output if isinstance(model.output, dict) else dict.fromkeys(outputs, model.output)
    axes = {}
    for name, output in outputs.items():
        varies = len(symbols[name].shape) > 1 and symbols[name].shape[1] is None
        axes[name] = None if not varies else "masks" if output.shape[1] is None else "tokens"
    return axes


def _next_of(sizes, number):
    """The smallest of the sizes that is no less than the number; above the last, the next multiple of it."""
    place = tf.minimum(tf.reduce_sum(tf.cast(tf.constant(sizes) < number, tf.int32)), len(sizes) - 1)
    size = tf.gather(tf.constant(sizes), place)
    return -(-tf.maximum(number, 1) // size) * size
