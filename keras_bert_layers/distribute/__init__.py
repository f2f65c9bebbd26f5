"""Several devices, and several machines."""

from keras_bert_layers.distribute.errors import ClusterError, WorkerLost
from keras_bert_layers.distribute.prepare import prepare
from keras_bert_layers.distribute.strategy import make_strategy
from keras_bert_layers.distribute.watching import watching
from keras_bert_layers.distribute.worker import Worker, worker

__all__ = ["ClusterError", "Worker", "WorkerLost", "make_strategy", "prepare", "watching", "worker"]
