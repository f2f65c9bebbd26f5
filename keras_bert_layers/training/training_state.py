"""All that a training run consists of besides its data: out of a model into arrays and plain values, and back."""

import random
import re

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.random import seed_generator

from keras_bert_layers.training.replicas import from_all_replicas, replica_numbers

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


def take_of_replicas(
    variables: dict[str, list[keras.Variable]], strategy: tf.distribute.Strategy
) -> dict[int, list[np.ndarray]]:
    """What all replicas hold of the variables that are summed over them when they are read: those of metrics.

    With several workers, each has to call this at the same time.

    Returns:
        by the variables' `id`, the value of each replica, in the order of all replicas.
    """
    on_read = [v for of_kind in variables.values() for v in of_kind if _is_on_read(v)]
    if not on_read:
        return {}
    values = [[component.numpy() for component in _components(variable)] for variable in on_read]
    vectors = [np.concatenate([np.ravel(value).astype("float64") for value in of]) for of in zip(*values, strict=True)]
    ends = np.cumsum([of_variable[0].size for of_variable in values])
    parts = np.split(from_all_replicas(strategy, vectors), ends[:-1], axis=1)
    return {
        id(variable): [row.astype(own[0].dtype).reshape(own[0].shape) for row in part]
        for variable, own, part in zip(on_read, values, parts, strict=True)
    }


def take(
    variables: dict[str, list[keras.Variable]], of_replicas: dict[int, list[np.ndarray]]
) -> tuple[Arrays, list[dict]]:
    """Copies of all values in host memory, and for each variable what it is and the names of its arrays.

    Args:
        variables: by kind.
        of_replicas: what `take_of_replicas` gave. Of other variables, replicas have equal values.
    """
    arrays, described = {}, []
    for kind, of_kind in variables.items():
        for number, variable in enumerate(of_kind):
            names = []
            values = of_replicas.get(id(variable)) or [_components(variable)[0].numpy()]
            for replica, array in enumerate(values):
                names.append(f"{kind}/{number:04d}/{variable.path}" + (f"@{replica}" if replica else ""))
                # NumPy's files know no bfloat16.
                arrays[names[-1]] = array.view("uint16") if array.dtype == _BFLOAT16 else array
            described.append({**_description(kind, variable), "arrays": names})
    return arrays, described


def put(
    variables: dict[str, list[keras.Variable]],
    arrays: Arrays,
    described: list[dict],
    strategy: tf.distribute.Strategy,
) -> None:
    """Gives the variables of these kinds the values that were taken of ones like them, on any number of replicas.

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
    numbers = replica_numbers(strategy)
    for (_, variable), saved in zip(here, described, strict=True):
        values = [arrays[name] for name in saved["arrays"]]
        if saved["dtype"] == "bfloat16":
            values = [value.view(_BFLOAT16) for value in values]
        count = strategy.num_replicas_in_sync if _is_on_read(variable) else 1
        values = _on_replicas(values, count, variable.aggregation)
        components = _components(variable)
        for number, component in zip(numbers if count > 1 else [0] * len(components), components, strict=True):
            component.assign(values[number])


def _on_replicas(values: list[np.ndarray], count: int, aggregation: str) -> list[np.ndarray]:
    """The values of some replicas on `count` of them, so that what is read of all is what it was."""
    if len(values) == count:
        return values
    if aggregation == "sum":
        return [sum(values[1:], values[0]), *[np.zeros_like(values[0])] * (count - 1)]
    if aggregation == "mean":
        return [np.mean(values, axis=0, dtype=values[0].dtype)] * count
    return values[:1] * count


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


def _is_on_read(variable: keras.Variable) -> bool:
    return _components(variable)[0].synchronization == tf.VariableSynchronization.ON_READ


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
