"""What is refused before training on several devices: what would give wrong results, or fail far from its cause."""

import warnings

import keras
import tensorflow as tf

from keras_bert_layers.distribute.optimizer_step import optimizers_in

VERIFIED_KERAS = ("3.15.1",)

# What of Keras is used that is not public: by (owner, names).
_PRIVATE = (
    (keras.Model, ("_maybe_symbolic_build", "_symbolic_build", "_flatten_layers", "make_train_function")),
    (keras.Model, ("make_test_function", "make_predict_function", "predict_step", "distribute_strategy")),
    (keras.optimizers.Optimizer, ("_all_reduce_sum_gradients", "_overwrite_model_variables_with_average_value")),
    (keras.optimizers.Optimizer, ("apply_gradients", "scale_loss", "_clip_gradients")),
    (keras.random.SeedGenerator, ("next",)),
)
_STRATEGIES = (
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.distribute.OneDeviceStrategy,
)
_OVERRIDDEN = ("train_step", "test_step", "compute_loss", "compute_metrics")


def check_keras() -> None:
    """Warns of a version that was not tried.

    Raises:
        RuntimeError: if a part of Keras that is needed is not there.
    """
    for owner, names in _PRIVATE:
        _require(owner, names, owner.__name__)
    if keras.__version__ not in VERIFIED_KERAS:
        warnings.warn(
            f"`prepare` uses parts of Keras that are not public, and was tried with Keras {', '.join(VERIFIED_KERAS)}. "
            f"This is {keras.__version__}: compare a few steps on several devices with one device before a long run.",
            stacklevel=3,
        )


def check_strategy(model: keras.Model) -> None:
    """Raises:
    ValueError: if it is no model, or one of another strategy, or of one that is not known.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(f"`prepare` takes a keras.Model. Received: {model!r}.")
    strategy = model.distribute_strategy
    if tf.distribute.has_strategy() and tf.distribute.get_strategy() is not model._distribute_strategy:
        raise ValueError(
            f"The model {model.name!r} was not made under the strategy that `prepare` is called under. Make and "
            "compile it within `with strategy.scope():`."
        )
    if model._distribute_strategy is not None and not isinstance(strategy, _STRATEGIES):
        raise ValueError(
            f"`prepare` knows MirroredStrategy, MultiWorkerMirroredStrategy and OneDeviceStrategy. Received: "
            f"{type(strategy).__name__}."
        )


def check_model(model: keras.Model) -> None:
    """Raises:
    ValueError: if a batch of the model cannot be cut into parts, or if it was not made where it should be.
    """
    overridden = [name for name in _OVERRIDDEN if getattr(type(model), name) is not getattr(keras.Model, name)]
    if overridden:
        raise ValueError(
            f"{type(model).__name__} has its own {overridden[0]}, of which `prepare` cannot know how to put it "
            "together from parts of a batch. Give `compile` losses and metrics instead, or train on one device without "
            "`gradient_accumulation`."
        )
    summing = [
        layer.name for layer in model._flatten_layers() if getattr(layer, "activity_regularizer", None) is not None
    ]
    if summing:
        raise ValueError(
            f"The activity_regularizer of the layer {summing[0]!r} is a sum over the batch, where other losses that "
            "layers add are taken for means. Call `add_loss` with a mean over the examples in a layer instead."
        )
    _check_scope(model, model.variables, "model")


def check_compiled(model: keras.Model) -> None:
    """Raises:
    ValueError: if what the model was compiled with does not allow for several devices.
    """
    _require(model, ("_compile_loss", "_compile_metrics", "_loss_tracker"), "Model")
    if model._compile_loss is not None:
        _require(model._compile_loss, ("_flat_losses", "_metrics"), "CompileLoss")
    if model.run_eagerly:
        raise ValueError(
            "run_eagerly=True runs replicas one after the other, without collectives between them. Leave it out of "
            "`compile`; look at a step eagerly on one device, without strategy and gradient_accumulation."
        )
    for loss in keras.tree.flatten(model.loss):
        if isinstance(loss, keras.losses.Loss) and loss.reduction in (None, "none"):
            raise ValueError(
                f"The loss {loss.name!r} has reduction={loss.reduction!r}, and no value for a batch. Choose "
                "'sum_over_batch_size', 'mean_with_sample_weight' or 'sum'."
            )
    for optimizer in optimizers_in(model.optimizer):
        if optimizer.gradient_accumulation_steps:
            raise ValueError(
                "The optimizer's gradient_accumulation_steps averages the means of batches, and steps in a branch, as "
                "replicas cannot. Leave it out and draw batches that are as many times as large, with "
                f"prepare(model, gradient_accumulation={optimizer.gradient_accumulation_steps})."
            )
        _check_scope(model, optimizer.variables, "optimizer")
    if model._loss_tracker is not None:
        _check_scope(model, model._loss_tracker.variables, "metrics")


def _require(owner, names, shown):
    missing = [name for name in names if not hasattr(owner, name)]
    if missing:
        raise RuntimeError(
            f"Keras {keras.__version__} has no {shown}.{missing[0]}, which `prepare` builds on. Install a version that "
            f"it was tried with: {', '.join(VERIFIED_KERAS)}."
        )


def _check_scope(model, variables, whose):
    if model._distribute_strategy is None:
        return
    for variable in variables:
        if not model.distribute_strategy.extended.variable_created_in_scope(variable.value):
            raise ValueError(
                f"The variable {variable.path!r} of the {whose} was made outside of the strategy of the model "
                f"{model.name!r}. Make the model, the optimizer and call `compile` within `with strategy.scope():`."
            )
