"""What callbacks remember from one epoch to the next."""

from collections.abc import Sequence

import keras
import numpy as np

# Of Keras' own callbacks: the attributes that change during a run. A callback of another class is asked by
# `get_state()`, which returns what JSON can hold, and told by `set_state(state)`, if it has these methods.
_ATTRIBUTES = {
    keras.callbacks.EarlyStopping: ("best", "wait", "best_epoch", "stopped_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving"),
}


def take(callbacks: Sequence[keras.callbacks.Callback]) -> tuple[dict[str, np.ndarray], list[dict]]:
    """Arrays, and for each callback with a memory its class and its plain values."""
    arrays, states = {}, []
    for number, callback in enumerate(callbacks):
        if hasattr(callback, "get_state"):
            states.append({"class": type(callback).__name__, "state": callback.get_state()})
            continue
        state, lists = {}, {}
        for name in _attributes(callback):
            value = getattr(callback, name)
            if isinstance(value, list):
                lists[name] = [f"callbacks/{number:04d}/{name}/{index:04d}" for index in range(len(value))]
                arrays.update(zip(lists[name], map(np.array, value), strict=True))
            else:
                state[name] = None if value is None else float(value)
        if state:
            states.append({"class": type(callback).__name__, "state": state, "lists": lists})
    return arrays, states


def put(callbacks: Sequence[keras.callbacks.Callback], arrays: dict[str, np.ndarray], states: list[dict]) -> None:
    """Gives back to each callback what one of its class remembered; a new callback begins without memory."""
    states = list(states)
    for callback in callbacks:
        saved = next((saved for saved in states if saved["class"] == type(callback).__name__), None)
        if saved is None:
            continue
        states.remove(saved)
        if hasattr(callback, "set_state"):
            callback.set_state(saved["state"])
            continue
        for name, value in saved["state"].items():
            whole = isinstance(getattr(callback, name), int)
            setattr(callback, name, int(value) if whole else value)
        for name, keys in saved["lists"].items():
            setattr(callback, name, [arrays[key] for key in keys])


def _attributes(callback: keras.callbacks.Callback) -> tuple[str, ...]:
    return next((names for kind, names in _ATTRIBUTES.items() if isinstance(callback, kind)), ())
