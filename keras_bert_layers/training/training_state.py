"""All that a training run consists of besides its data: out of a model into arrays and plain values, and back."""

import random
import re

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator

Arrays = dict[str, np.ndarray]
_BFLOAT16 = tf.bfloat16.as_numpy_dtype


def variables_of(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """The variables of a compiled model by kind; each kind in the order in which they were made."""
    metrics = {id(v): v for metric in model.metrics for v in metric.variables}
    generator = _global_generator()
    return {
        "model": model.variables,  # the states of dropout's random generators among them
        "optimizer": model.optimizer.variables,
        "metrics": list(metrics.values()),
        "random": [] if generator is None else [generator.state],
    }


def take(variables: dict[str, list[keras.Variable]]) -> tuple[Arrays, list[dict]]:
    """Copies of all values in host memory, and for each variable what it is and the names of its arrays."""
    arrays, described = {}, []
    for kind, of_kind in variables.items():
        for number, variable in enumerate(of_kind):
            components = _components(variable)
            # Replicas have equal values, except of what is summed over them when it is read: of metrics.
            on_read = components[0].synchronization == tf.VariableSynchronization.ON_READ
            names = []
            for replica, component in enumerate(components if on_read else components[:1]):
                names.append(f"{kind}/{number:04d}/{variable.path}" + (f"@{replica}" if replica else ""))
                array = component.numpy()
                # NumPy's files know no bfloat16.
                arrays[names[-1]] = array.view("uint16") if array.dtype == _BFLOAT16 else array
            described.append({**_description(kind, variable), "arrays": names})
    return arrays, described


def put(variables: dict[str, list[keras.Variable]], arrays: Arrays, described: list[dict]) -> None:
    """Gives the variables of these kinds the values that were taken of ones like them.

    Raises:
        ValueError: if they are others, before any is changed. The message names the first that differs.
    """
    here = [(_description(kind, variable), variable) for kind, of_kind in variables.items() for variable in of_kind]
    described = [saved for saved in described if saved["kind"] in variables]
    for number in range(max(len(here), len(described))):
        ours = here[number][0] if number < len(here) else None
        saved = described[number] if number < len(described) else None
        if ours is None or saved is None or _comparable(ours) != _comparable(saved):
            raise ValueError(
                f"The saved state is of another model or optimizer: where it has {_shown(saved)}, this one has "
                f"{_shown(ours)}. Build and compile the model as when it was saved, or choose a new directory."
            )
    for (_, variable), saved in zip(here, described, strict=True):
        components, values = _components(variable), [arrays[name] for name in saved["arrays"]]
        values = values if len(values) == len(components) else values[:1] * len(components)
        for component, value in zip(components, values, strict=True):
            component.assign(value.view(_BFLOAT16) if saved["dtype"] == "bfloat16" else value)


def take_random() -> dict:
    """The states of Python's and NumPy's global random generators, as plain values."""
    version, state, gauss = random.getstate()
    name, keys, *others = np.random.get_state()
    return {
        "python": [version, list(state), gauss],
        "numpy": [name, keys.tolist(), *others],
        "keras": _global_generator() is not None,
    }


def put_random(saved: dict) -> None:
    """Undoes `take_random`."""
    version, state, gauss = saved["python"]
    random.setstate((version, tuple(state), gauss))
    name, keys, *others = saved["numpy"]
    np.random.set_state((name, np.array(keys, "uint32"), *others))


def make_global_generator() -> None:
    """Makes the generator that `keras.random` draws from without a seed, which exists from its first use on."""
    seed_generator.global_seed_generator()


def _global_generator() -> keras.random.SeedGenerator | None:
    return global_state.get_global_attribute(seed_generator.GLOBAL_SEED_GENERATOR)


def _components(variable: keras.Variable) -> list[tf.Variable]:
    """The variable of each replica on this machine."""
    value = variable.value
    return list(value.values) if isinstance(value, tf.distribute.DistributedValues) else [value]


def _description(kind: str, variable: keras.Variable) -> dict:
    return {"kind": kind, "path": variable.path, "dtype": variable.dtype, "shape": list(variable.shape)}


def _comparable(description: dict) -> tuple:
    # Keras numbers equal names within a process (dropout_3), so that the numbers say nothing about the model.
    path = re.sub(r"_\d+(?=/|_|$)", "", description["path"])
    return description["kind"], path, description["dtype"], description["shape"]


def _shown(description: dict | None) -> str:
    if description is None:
        return "no further variable"
    return "the {kind} variable {path!r}, {dtype} {shape}".format(**description)
