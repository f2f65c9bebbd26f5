"""Several devices, and several machines."""

from keras_bert_layers.distribute.batches import batches, replica_batch_sizes
from keras_bert_layers.distribute.chief import is_chief, on_chief
from keras_bert_layers.distribute.errors import ClusterError, WorkerLost
from keras_bert_layers.distribute.prepare import prepare
from keras_bert_layers.distribute.strategy import make_strategy
from keras_bert_layers.distribute.watching import watching
from keras_bert_layers.distribute.worker import Worker, worker

__all__ = [
    "ClusterError",
    "Worker",
    "WorkerLost",
    "batches",
    "is_chief",
    "make_strategy",
    "on_chief",
    "prepare",
    "replica_batch_sizes",
    "watching",
    "worker",
]
