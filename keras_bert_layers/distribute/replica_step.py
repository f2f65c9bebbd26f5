"""What one replica does with its rows of a batch: gradients and metrics, as shares of those of the whole batch."""

import keras
import tensorflow as tf
from keras import ops

from keras_bert_layers.distribute.global_loss import LossTerm, loss_terms
from keras_bert_layers.distribute.traced_lengths import by_length


class ReplicaStep:
    """Forward, loss and gradients of one replica, in `strategy.run`.

    Args:
        model: compiled and built.
        gradient_accumulation: int >= 1. Into how many parts a replica cuts its rows.
        compiled: bool. Whether forward, loss and gradients are compiled by XLA.
        lengths: the sizes that a second axis of unknown size may have, each to be traced by itself. Defaults to none.
    """

    def __init__(
        self,
        model: keras.Model,
        gradient_accumulation: int = 1,
        compiled: bool = False,
        lengths: tuple[int, ...] = (),
    ):
        self.model = model
        self.gradient_accumulation = gradient_accumulation
        self.compiled = compiled
        self.lengths = lengths
        self.trained: list[keras.Variable] = []

    def train(self, data, scale) -> list[tf.Tensor]:
        """`scale` times the gradients of the loss of the whole batch: on all replicas equal, one for each `trained`."""
        data = without_optionals(data)
        if self.gradient_accumulation == 1 and not self.compiled:
            gradients, shares, y_pred = self._gradients(data, _over_replicas, scale)
            self._update_metrics(data, y_pred)
        else:
            gradients, shares = self._accumulate(data, scale)
        self._update_loss(shares)
        known = [(g, v) for g, v in zip(gradients, self.model.trainable_weights, strict=True) if g is not None]
        self.trained = [variable for _, variable in known]
        return _sum_over_replicas([gradient for gradient, _ in known])

    def test(self, data) -> None:
        """Updates the metrics."""
        data = without_optionals(data)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred, added = self._call(x, training=False)
        terms = loss_terms(self.model, y, y_pred, sample_weight, whole=_num_replicas() == 1)
        rows = rows_of(data)
        _, shares = self._loss(terms, added, rows, _over_replicas(_divisors(terms, rows)))
        self._update_loss(shares)
        self._update_metrics(data, y_pred)

    def _terms(self, y, y_pred, sample_weight):
        whole = _num_replicas() == self.gradient_accumulation == 1
        return loss_terms(self.model, y, y_pred, sample_weight, whole)

    def _call(self, x, training):
        """Outputs, and the losses that layers add: taken at once, since layers hold those of the last call alone.

        When replicas meet in a collective, another one has its turn, and calls the layers too.
        """
        y_pred = self.model(x, training=training) if self.model._call_has_training_arg else self.model(x)
        return y_pred, [tf.cast(ops.sum(loss), tf.float32) for loss in self.model.losses]

    def _gradients(self, data, all_divisors, scale):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred, added = self._call(x, training=True)
            terms = self._terms(y, y_pred, sample_weight)
            rows = rows_of(data)
            loss, shares = self._loss(terms, added, rows, all_divisors(_divisors(terms, rows)))
            loss = loss * scale
        gradients = tape.gradient(loss, [v.value for v in self.model.trainable_weights])
        # Rows of an embedding table: dense, since squares of a sum are wanted, and collectives and XLA go on with it.
        return [None if g is None else tf.convert_to_tensor(g) for g in gradients], shares, y_pred

    def _loss(self, terms: list[LossTerm], added, rows, divisors):
        """The share of the loss, and what the trackers of losses take of it: [total, each output ..., rows, all]."""
        *of_terms, all_rows = tf.unstack(divisors)
        shares = [term.share(divisor) for term, divisor in zip(terms, of_terms, strict=True)]
        total = tf.zeros(())
        for term, share in zip(terms, shares, strict=True):
            total += share if term.loss_weight is None else share * term.loss_weight
        for loss in added:
            # Of weights, it is the same for all rows; of activations, taken for a mean over rows. Of no row, it is nan.
            total += tf.where(rows > 0, loss, 0.0) * (rows / all_rows)
        return total, tf.stack([total, *shares, rows, all_rows])

    def _accumulate(self, data, scale):
        """Gradients part by part. What divides the losses has to be known before the first."""
        parts, rows = self.gradient_accumulation, _static_rows(data) or _num_rows(data)
        size = -(-rows // parts)
        divisors = _over_replicas(self._divisors_of_parts(data, size))
        step = lambda part: self._gradients(part, lambda _: divisors, scale)  # noqa: E731
        if self.compiled:
            # One function for each replica, since it holds the replica's own variables. It is traced once for each
            # shape: kernels for fixed sizes are chosen when it is.
            step = by_length(tf.function(step, jit_compile=True, autograph=False), self.lengths)
        variables = self.model.trainable_weights
        missing = []

        def body(number, sums, shares):
            part = data if parts == 1 else _part(data, number, size)
            gradients, new, y_pred = step(part)
            missing[:] = [gradient is None for gradient in gradients]
            self._update_metrics(part, y_pred)
            sums = [s if g is None else s + g for s, g in zip(sums, gradients, strict=True)]
            return number + 1, sums, shares + new

        zeros = [tf.zeros(v.shape, v.dtype) for v in variables], tf.zeros(divisors.shape[0] + 2)
        if parts == 1:
            _, sums, shares = body(0, *zeros)
        else:
            _, sums, shares = tf.while_loop(
                lambda number, *_: number < parts,
                body,
                (tf.constant(0), *zeros),
                parallel_iterations=1,
                maximum_iterations=parts,
            )
        shares = tf.concat([shares[:-1], shares[-1:] / parts], 0)
        return [None if gone else s for s, gone in zip(sums, missing, strict=True)], shares

    def _divisors_of_parts(self, data, size):
        """What the rows here add to all divisors; of the model, no more is computed than masks of outputs take.

        Except where outputs have other lengths than the batch size that only the run tells.
        """

        def of_part(part):
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(part)
            y_pred, _ = self._call(x, training=False)
            y_pred = tf.nest.map_structure(lambda output: _of_its_shape(output, _num_rows(part)), y_pred)
            return _divisors(self._terms(y, y_pred, sample_weight), rows_of(part))

        if self.gradient_accumulation == 1:
            return of_part(data)
        count = len(self.model._compile_loss._flat_losses) if self.model._compile_loss is not None else 0
        _, divisors = tf.while_loop(
            lambda number, _: number < self.gradient_accumulation,
            lambda number, divisors: (number + 1, divisors + of_part(_part(data, number, size))),
            (tf.constant(0), tf.zeros(count + 1)),
        )
        return divisors

    def _update_metrics(self, data, y_pred):
        if self.model._compile_metrics is not None:
            _, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            self.model._compile_metrics.update_state(y, y_pred, sample_weight)

    def _update_loss(self, shares):
        """Replicas' variables of metrics are summed when they are read: shares of losses become losses."""
        total, *of_outputs, rows, all_rows = tf.unstack(shares)
        tracker = self.model._loss_tracker
        tracker.total.assign_add(total * all_rows)
        tracker.count.assign_add(rows)
        for metric, share in zip(self.model._compile_loss.metrics if of_outputs else (), of_outputs, strict=False):
            metric.total.assign_add(share)
            metric.count.assign_add(1 / _num_replicas())


def without_optionals(data):
    """Keras' data sets have empty `tf.experimental.Optional`s where there are no labels or weights."""
    return tf.nest.map_structure(lambda x: None if isinstance(x, tf.experimental.Optional) else x, data)


def rows_of(data) -> tf.Tensor:
    """float32 number of examples."""
    return tf.cast(_num_rows(data), tf.float32)


def _num_rows(data):
    x = keras.utils.unpack_x_y_sample_weight(data)[0]
    return tf.shape(next(leaf for leaf in tf.nest.flatten(x) if leaf is not None))[0]


def _static_rows(data):
    """The number of rows where it is known when the step is traced."""
    x = keras.utils.unpack_x_y_sample_weight(data)[0]
    return next(leaf for leaf in tf.nest.flatten(x) if leaf is not None).shape[0]


def _part(data, number, size):
    """Rows `number * size` to `(number + 1) * size`; their number is static where all parts have as many."""

    def rows(x):
        if x is None:
            return None
        part = x[number * size : (number + 1) * size]
        even = isinstance(size, int) and x.shape[0] is not None and x.shape[0] % size == 0
        return tf.ensure_shape(part, [size, *part.shape[1:]]) if even else part

    return tf.nest.map_structure(rows, data)


def _of_its_shape(output, rows):
    """Zeros that do not have to wait for the output, if its shape is known but for the batch size."""
    if None in output.shape[1:]:
        return output
    zeros = tf.zeros((rows, *output.shape[1:]), output.dtype)
    if hasattr(output, "_keras_mask"):
        zeros._keras_mask = output._keras_mask
    return zeros


def _divisors(terms, rows):
    return tf.stack([*(term.divisor for term in terms), rows])


def _over_replicas(tensor):
    return _sum_over_replicas([tensor])[0]


def _sum_over_replicas(tensors):
    if _num_replicas() == 1:
        return tensors
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def _num_replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync
