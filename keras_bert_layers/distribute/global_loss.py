"""Losses of a part of a batch, such that their sum over all parts is the loss of the whole batch."""

from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import ops

_MEANS = ("sum_over_batch_size", "mean")
_COUPLING = (keras.losses.Circle,)


@dataclass(frozen=True)
class LossTerm:
    """Σ w l of one output over the rows that are here, what it adds to the divisor, and how the loss weighs it.

    The loss of the output is sum / divisor, with both summed over all parts; without the divisor where `divides` is
    not set.
    """

    weighted_sum: tf.Tensor
    divisor: tf.Tensor
    divides: bool
    loss_weight: float | None

    def share(self, divisor: tf.Tensor) -> tf.Tensor:
        """What this part contributes to the loss, `divisor` being that of all parts."""
        return tf.math.divide_no_nan(self.weighted_sum, divisor) if self.divides else self.weighted_sum


def loss_terms(model: keras.Model, y, y_pred, sample_weight, whole: bool = False) -> list[LossTerm]:
    """The terms of all losses of `compile`, in Keras' order.

    Args:
        whole: bool. Whether these are all rows of the batch. Any loss will do then. Defaults to `False`.

    Raises:
        ValueError: if a loss is not a mean or sum of what the examples give by themselves.
    """
    compiled = model._compile_loss
    if compiled is None:
        return []
    terms = []

    def recording(loss, loss_weight):
        def call(y_true, y_pred, sample_weight=None):
            if whole:
                terms.append(LossTerm(loss(y_true, y_pred, sample_weight), tf.ones(()), False, loss_weight))
            else:
                terms.append(_term(loss, y_true, y_pred, sample_weight, loss_weight))
            return terms[-1].weighted_sum

        return call

    # Keras pairs outputs with labels and weights; without metrics, which it would update with parts of losses.
    losses = [each._replace(loss=recording(each.loss, each.loss_weights)) for each in compiled._flat_losses]
    _with(compiled, _flat_losses=losses, _metrics=[None] * len(losses))(y, y_pred, sample_weight)
    return terms


def _term(loss, y_true, y_pred, sample_weight, loss_weight):
    if getattr(loss, "couples_examples", False) or isinstance(loss, _COUPLING):
        raise ValueError(
            f"The loss {loss.name!r} compares the examples of a batch with one another, and of parts of a batch is "
            "another loss. Train with it on one device, without gradient_accumulation."
        )
    seen = []

    def call(y_true, y_pred):
        seen.append(type(loss).call(loss, y_true, y_pred))
        return seen[-1]

    def ones(y_true, y_pred):
        made = ops.ones_like(seen[-1])
        if (mask := _mask_of(seen[-1])) is not None:
            made._keras_mask = mask
        return made

    values = _with(loss, call=call, reduction="none")(y_true, y_pred, sample_weight)
    if not seen or len(values.shape) == 0 or len(seen[-1].shape) == 0:
        raise ValueError(
            f"The loss {loss.name!r} gives one number for the whole batch. Several devices, and gradient_accumulation, "
            "need the loss of every example, to add up what they have and to divide by what all have. Return a tensor "
            "[B] or [B, S] from the loss function, or from `call` of the loss, and leave the mean to Keras."
        )
    size = _size(seen[-1])
    if loss.reduction == "mean_with_sample_weight":
        weight = ops.sum(_with(loss, call=ones, reduction="none")(y_true, y_pred, sample_weight))
        # The mean of ones is 1, except where Keras divides by weights that it has broadcast: by a part of their sum.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        mean = _with(loss, call=ones)(y_true, y_pred, sample_weight) * replicas
        divisor = tf.math.divide_no_nan(weight, mean)
    else:
        masks = [mask for mask in (_mask_of(y_pred), _mask_of(seen[-1])) if mask is not None]
        divisor = size
        if masks and loss.reduction in _MEANS:
            mask = masks[0] if len(masks) == 1 else masks[0] & masks[1]
            divisor = tf.math.divide_no_nan(size * ops.sum(ops.cast(mask, "float32")), _size(mask))
    return LossTerm(
        ops.cast(ops.sum(values), "float32"),
        tf.stop_gradient(ops.cast(divisor, "float32")),
        loss.reduction != "sum",
        loss_weight,
    )


def _with(target, **attributes):
    """A shallow copy with other attributes; `copy.copy` would write a Keras object to a file and read it back."""
    made = object.__new__(type(target))
    vars(made).update(vars(target), **attributes)
    return made


def _mask_of(tensor):
    return getattr(tensor, "_keras_mask", None)


def _size(tensor):
    return tf.cast(tf.size(tensor), tf.float32)
