"""What surrounds a function while it runs or is traced: the fastest form of it depends on that."""

import keras


def is_recorded() -> bool:
    """Whether a gradient tape may be watching; on other backends than TensorFlow always `True`."""
    if keras.backend.backend() != "tensorflow":
        return True
    from tensorflow.python.eager import record

    return record.could_possibly_record()


def shapes_may_vary() -> bool:
    """Whether a shape may depend on values: on TensorFlow, outside of functions that XLA compiles."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf
    from tensorflow.python.ops import control_flow_util

    return tf.executing_eagerly() or not control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
