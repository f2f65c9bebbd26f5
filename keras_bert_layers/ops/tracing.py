"""What surrounds a function while it runs or is traced: the fastest form of it depends on that."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras

_here_only = contextvars.ContextVar("here_only", default=False)


def is_recorded() -> bool:
    """Whether a gradient tape may be watching; on other backends than TensorFlow always `True`."""
    if keras.backend.backend() != "tensorflow":
        return True
    from tensorflow.python.eager import record

    return record.could_possibly_record()


def shapes_may_vary(*tensors) -> bool:
    """Whether a shape may depend on values: on TensorFlow, outside of functions that XLA compiles.

    Args:
        *tensors: a graph in which all axes of these have fixed sizes is taken for one that wants fixed shapes, as
            exporters to other runtimes do.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    if tf.executing_eagerly():
        return True
    fixed = bool(tensors) and all(None not in tuple(tensor.shape) for tensor in tensors)
    return not fixed and not control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


@contextlib.contextmanager
def here_only() -> Iterator[None]:
    """Graphs traced within stay in this process: kernels that other builds of TensorFlow lack may stand in them."""
    token = _here_only.set(True)
    try:
        yield
    finally:
        _here_only.reset(token)


def runs_here_only() -> bool:
    """Whether a graph is traced within `here_only()`."""
    return _here_only.get()
