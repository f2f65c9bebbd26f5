"""Which of a model's outputs is to be explained."""

import keras
import numpy as np

Target = int | tuple[str | int, ...] | None


def target_of(outputs, target: Target) -> tuple[str | int, ...]:
    """The place of one number in the outputs of a single example, behind the batch axis and with the output's name.

    Args:
        outputs: of the model for one example: a tensor or a dict of tensors, [1, ...] each.
        target: an int or a tuple of them, with the name of the output first where there are several; None for the
            class with the greatest logit of a classifier of texts.

    Raises:
        ValueError: if the target is not the place of one number.
    """
    places = () if target is None else target if isinstance(target, tuple) else (target,)
    named = isinstance(outputs, dict)
    name = places[:1] if named else ()
    if named and (not name or name[0] not in outputs):
        raise ValueError(
            f"The model has several outputs: `target` begins with the name of one of {', '.join(outputs)}, as in "
            f"({next(iter(outputs))!r}, 0). Received: {target!r}."
        )
    logits = outputs[name[0]] if named else outputs
    places = places[len(name) :]
    if target is None and len(logits.shape) == 2:
        places = (int(np.argmax(keras.ops.convert_to_numpy(logits)[0])),)
    shape = tuple(logits.shape[1:])
    whole = all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in places)
    if len(places) != len(shape) or not whole or not all(0 <= p < s for p, s in zip(places, shape, strict=True)):
        raise ValueError(
            f"`target` must say which number of the outputs of shape {shape} is meant: {_hint(len(shape))}. "
            f"Received: {target!r}."
        )
    return (*name, *(int(each) for each in places))


def select(outputs, target: tuple[str | int, ...]):
    """The number at that place, of every example: [B, ...] -> [B]."""
    if isinstance(outputs, dict):
        outputs, target = outputs[target[0]], target[1:]
    return outputs[(slice(None), *target)]


def probabilities_of(outputs, target: tuple[str | int, ...]) -> np.ndarray:
    """The probabilities among which that of the target is one, for the first example.

    They are the softmax over the last axis (classes, or the positions of a span); of a single logit, its sigmoid.
    """
    logits = keras.ops.convert_to_numpy(keras.ops.cast(select(outputs, target[:-1]), "float32"))[0]
    if len(logits) == 1:
        return 1 / (1 + np.exp(-logits))
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()


def has_position(model: keras.Model, target: tuple[str | int, ...]) -> bool:
    """Whether the target is a place in the text, as of a classifier of tokens or a span."""
    output = model.output[target[0]] if isinstance(model.output, dict) else model.output
    return None in output.shape[1:]


def _hint(rank):
    if rank == 2:
        return "(position, class)"
    return "a class, an integer" if rank == 1 else f"{rank} integers"
