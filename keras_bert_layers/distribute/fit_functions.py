"""The functions that `fit`, `evaluate` and `predict` call for each batch, on all replicas."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_bert_layers.distribute.metric_logs import metric_logs
from keras_bert_layers.distribute.optimizer_step import apply_gradients, loss_scale, on_global_gradients
from keras_bert_layers.distribute.replica_seeds import replica_seeds
from keras_bert_layers.distribute.replica_step import ReplicaStep, without_optionals
from keras_bert_layers.distribute.shadowed import shadowed


def train_function(model: keras.Model, step: ReplicaStep) -> Callable:
    """Iterator -> logs, after as many optimizer steps as the model takes at a time."""
    strategy, optimizer = model.distribute_strategy, model.optimizer

    def train(data):
        with shadowed([*replica_seeds(model), *on_global_gradients(optimizer)]):
            gradients = strategy.run(lambda data: step.train(data, loss_scale(optimizer)), args=(data,))
            if step.trained:
                apply_gradients(strategy, optimizer, gradients, step.trained)

    return _function(model, train)


def test_function(model: keras.Model, step: ReplicaStep) -> Callable:
    """Iterator -> logs."""
    return _function(model, lambda data: model.distribute_strategy.run(step.test, args=(data,)))


def predict_function(model: keras.Model) -> Callable:
    """Batches -> outputs for all their rows, those of all workers, in the order in which the rows came."""
    strategy = model.distribute_strategy

    def predict_step(data):
        outputs = model.predict_step(without_optionals(data))
        if not strategy.extended._in_multi_worker_mode():
            return outputs
        return tf.nest.map_structure(lambda x: tf.distribute.get_replica_context().all_gather(x, axis=0), outputs)

    def predict_batch(data):
        outputs = strategy.run(predict_step, args=(data,))
        if strategy.extended._in_multi_worker_mode():
            return tf.nest.map_structure(lambda x: strategy.experimental_local_results(x)[0], outputs)
        return tf.nest.map_structure(lambda x: tf.concat(strategy.experimental_local_results(x), 0), outputs)

    def predict(batches):
        outputs = [predict_batch(data[0] if isinstance(data, tuple) and len(data) == 1 else data) for data in batches]
        return outputs[0] if len(outputs) == 1 else tf.nest.map_structure(lambda *x: tf.concat(x, 0), *outputs)

    return tf.function(predict, autograph=False, reduce_retracing=True)


def _function(model, one_batch):
    strategy = model.distribute_strategy

    def logs():
        values = strategy.run(lambda: metric_logs(model))
        return {name: strategy.experimental_local_results(value)[0] for name, value in values.items()}

    @_graph
    def on_iterator(iterator):
        one_batch(iterator.get_next())
        return logs()

    @_graph
    def on_iterator_several_times(iterator):
        def body(done, _):
            batch = iterator.get_next_as_optional()

            def take():
                one_batch(batch.get_value())
                return True

            more = tf.cond(batch.has_value(), take, lambda: False)
            return done + tf.cast(more, tf.int32), more

        done, _ = tf.while_loop(
            lambda done, more: more & (done < model.steps_per_execution), body, (tf.constant(0), tf.constant(True))
        )
        return done, logs()

    @_graph
    def on_batch(data):
        one_batch(data)
        return logs()

    def function(iterator):
        if not isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
            for _, data in zip(range(model.steps_per_execution), iterator, strict=False):
                shown = on_batch(data)
            return shown
        if model.steps_per_execution == 1:
            return on_iterator(iterator)
        done, shown = on_iterator_several_times(iterator)
        if not done:
            raise StopIteration
        return shown

    return function


def _graph(function):
    return tf.function(function, autograph=False, reduce_retracing=True)
