"""Several logical CPUs in the place of GPUs, to try on one machine what will run on many."""

import os
from collections.abc import Mapping

import tensorflow as tf
from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended

VARIABLE = "KBL_LOGICAL_CPUS"


def wanted_logical_cpus(environment: Mapping[str, str] = os.environ) -> int:
    """The number in KBL_LOGICAL_CPUS; 1 where it is not set.

    Raises:
        ValueError: if it is no positive number.

    Example:
        >>> wanted_logical_cpus({"KBL_LOGICAL_CPUS": "2"})
        2
    """
    text = environment.get(VARIABLE, "").strip() or "1"
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"The environment variable {VARIABLE} must be a positive number. Received: {text!r}.")
    return int(text)


def set_logical_cpus(count: int) -> None:
    """Divides the CPU into `count` devices.

    Raises:
        RuntimeError: if TensorFlow is in use already with another number.
    """
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or [None]) == count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        raise RuntimeError(
            f"{VARIABLE}={count} takes effect only before TensorFlow's first operation: call `make_strategy` first."
        ) from None


class LogicalCPUs(tf.distribute.MultiWorkerMirroredStrategy):
    """A MultiWorkerMirroredStrategy with several CPUs in each worker; TensorFlow's own takes one.

    Args:
        cluster_resolver: as for MultiWorkerMirroredStrategy.
        count: int, the replicas in each worker.
    """

    def __init__(self, cluster_resolver: tf.distribute.cluster_resolver.ClusterResolver, count: int):
        options = tf.distribute.experimental.CommunicationOptions()
        extended = _extended(count)(self, cluster_resolver, communication_options=options)
        tf.distribute.Strategy.__init__(self, extended)


def _extended(count: int) -> type[CollectiveAllReduceExtended]:
    class Extended(CollectiveAllReduceExtended):
        def _initialize_local_devices(self, cluster_resolver, worker_device):
            return tuple(f"{worker_device}/device:CPU:{number}" for number in range(count)), "CPU"

    return Extended
