"""What `fit` shows: the values of all metrics over all replicas, by one collective."""

import math

import keras
import tensorflow as tf


def metric_logs(model: keras.Model) -> dict[str, tf.Tensor]:
    """`model.get_metrics_result()` of all replicas together, to be called in a replica."""
    variables = {id(v): v for metric in model.metrics for v in metric.variables}
    summed = [v for v in variables.values() if v.aggregation == "sum"]
    if tf.distribute.get_strategy().num_replicas_in_sync == 1 or not summed:
        return model.get_metrics_result()
    together = []
    for dtype in dict.fromkeys(v.dtype for v in summed):
        of_dtype = [v for v in summed if v.dtype == dtype]
        flat = tf.concat([tf.reshape(tf.convert_to_tensor(v), [-1]) for v in of_dtype], 0)
        flat = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
        parts = tf.split(flat, [math.prod(v.shape) for v in of_dtype])
        together += [(v, tf.reshape(part, v.shape)) for v, part in zip(of_dtype, parts, strict=True)]
    # Metrics read their variables: here, the sums in their place.
    with keras.StatelessScope(state_mapping=together):
        return model.get_metrics_result()
