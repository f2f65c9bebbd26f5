"""Whether a SavedModel answers like the model it was made from."""

import numpy as np
import tensorflow as tf

from keras_bert_layers.serving.endpoints import Endpoint

# Largest difference, relative to the largest value: a graph may round in another order than eager execution does.
# In int8 a difference of the last bit rounds a number to the next of its 127 steps, here and there.
TOLERANCES = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2, "int8": 2e-2}


def compare_with_model(
    loaded, endpoints: dict[str, Endpoint], probes: dict[str, list[dict[str, tf.Tensor]]], compute_dtype: str
) -> None:
    """Calls the endpoints of the reloaded SavedModel and the model's own functions on the same inputs.

    In half precision and in integers another word may be chosen where two score alike: there only `token_ids` is
    compared, and the other endpoints have to answer.

    Args:
        loaded: what `tf.saved_model.load` returned.
        endpoints: the model's own functions by name, which share no graph with those that were exported.
        probes: by the name of an endpoint, the inputs of its calls.
        compute_dtype: of the model, `"int8"` for integers; it sets the tolerance.

    Raises:
        ValueError: if a number differs by more than the tolerance (1e-4 in float32, of the largest number), or a string
            differs.
    """
    for name, calls in probes.items():
        for inputs in calls:
            served = loaded.signatures[name](**inputs)
            if compute_dtype != "float32" and name != "token_ids":
                continue
            for key, value in endpoints[name].function(inputs).items():
                what = f"`{key}` of the endpoint `{name}`"
                _compare(what, served[key].numpy(), np.asarray(value), TOLERANCES[compute_dtype])


def _compare(what, served, expected, tolerance):
    if served.shape != expected.shape:
        gap = f"the shape {served.shape} instead of {expected.shape}"
    elif expected.dtype.kind == "f":
        difference = float(np.max(np.abs(np.subtract(served, expected)), initial=0.0))
        allowed = tolerance * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        # What is no number is no match either.
        gap = None if difference <= allowed else f"a difference of {difference:.2g}, {allowed:.2g} is allowed"
    else:
        gap = None if np.array_equal(served, expected) else f"{served.tolist()} instead of {expected.tolist()}"
    if gap is not None:
        raise ValueError(
            f"The exported SavedModel does not answer like the model: {what} shows {gap}. Nothing was written. A layer "
            "of the model may depend on Python state that a graph does not keep."
        )
