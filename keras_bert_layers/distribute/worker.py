"""Which process of the cluster this one is."""

import dataclasses
import os
from collections.abc import Mapping

from keras_bert_layers.distribute.slurm_cluster import from_slurm
from keras_bert_layers.distribute.tf_config import from_tf_config


@dataclasses.dataclass(frozen=True)
class Worker:
    """One process of those that train a model together; alone, it is worker 0 of 1.

    Args:
        index: int. The number of this process, from 0.
        addresses: tuple of `"host:port"`, those of all workers in their order. Empty where it is alone.

    Example:
        >>> Worker(1, ("10.0.0.1:2222", "10.0.0.2:2222")).is_chief
        False
        >>> str(Worker(1, ("10.0.0.1:2222", "10.0.0.2:2222")))
        'worker 1 (10.0.0.2:2222)'
    """

    index: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many processes train together."""
        return max(len(self.addresses), 1)

    @property
    def is_chief(self) -> bool:
        """Whether this is the process that writes files and shows progress: worker 0."""
        return self.index == 0

    @property
    def address(self) -> str:
        """`"host:port"` of this process, empty where it is alone."""
        return self.addresses[self.index] if self.addresses else ""

    def name_of(self, index: int) -> str:
        """How messages call a worker: `"worker 1 (host:port)"`."""
        return f"worker {index} ({self.addresses[index]})" if self.addresses else f"worker {index}"

    def __str__(self) -> str:
        return self.name_of(self.index)


def worker(environment: Mapping[str, str] = os.environ) -> Worker:
    """Which worker this process is, from its environment; TensorFlow is not asked, and need not be loaded.

    `TF_CONFIG` decides where it is set. Else, in a job step of Slurm (a program that `srun` started), its variables do.
    Else the process is alone.

    Args:
        environment: the variables. Defaults to those of this process.

    Returns:
        A `Worker`. A `chief` of TF_CONFIG is worker 0, and the others follow it.

    Raises:
        ValueError: if the variables say no cluster, or do not say which of its workers this is.

    Example:
        >>> import json
        >>> config = {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}
        >>> worker({"TF_CONFIG": json.dumps(config)})
        Worker(index=1, addresses=('a:2222', 'b:2222'))
        >>> worker({}).count
        1
    """
    if environment.get("TF_CONFIG", "").strip():
        found = from_tf_config(environment["TF_CONFIG"])
    else:
        found = from_slurm(environment)
    return Worker() if found is None or len(found[1]) == 1 else Worker(*found)
