"""Before anything else touches TensorFlow: quiet logs, and two logical CPUs to stand in for two devices."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def mirrored():
    """Two replicas; one strategy for the whole run, since each numbers its collectives from the start."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(autouse=True)
def fresh_state():
    """The same random weights, names and policy for every test, whatever ran before it."""
    keras.utils.clear_session(free_memory=False)  # a full collection costs more than most tests
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
