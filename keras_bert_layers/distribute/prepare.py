"""A model that `fit`, `evaluate` and `predict` run right on one device, on several, and on several machines."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_bert_layers.distribute import fit_functions
from keras_bert_layers.distribute.preparable import check_compiled, check_keras, check_model, check_strategy
from keras_bert_layers.distribute.replica_step import ReplicaStep
from keras_bert_layers.distribute.traced_lengths import check_lengths

_OVERRIDES = ("_maybe_symbolic_build", "make_train_function", "make_test_function", "make_predict_function")


def prepare(
    model: keras.Model,
    gradient_accumulation: int = 1,
    compile_replica: bool = False,
    lengths: Sequence[int] = (),
) -> keras.Model:
    """Makes `fit`, `evaluate` and `predict` of a model give on R replicas what one device gives.

    With rows of the batch on replicas r = 1 … R, the loss of an output is Σᵣ Σ w l / Σᵣ Σ w, where Keras takes the mean
    of the replicas' means. Gradients are summed over replicas once, and then unscaled, checked for being finite, and
    clipped: the norm is that of the whole batch. Metrics are those of all rows, in each step. Replicas draw different
    dropout, and a run repeats exactly.

    `predict` gives every worker the outputs for all rows, in their order. Weight regularization counts once; other
    losses that layers add are taken for means over the examples. On one device without strategy there is nothing to
    mend, and the model is left to Keras.

    It changes this instance only. What is saved, exported or cloned of it is what it was.

    Args:
        model: a `keras.Model`, made under its strategy, compiled before or after this, also again. Its class has no
            `train_step` or `compute_loss` of its own.
        gradient_accumulation: int >= 1. Each replica cuts its rows of a batch into so many parts, and takes one step
            with the sum of their gradients: that of the whole batch, in the memory of a part. The batch of the data set
            stays the batch of a step. The last part may have fewer rows, or none. Defaults to 1.
        compile_replica: bool. Whether XLA compiles what a replica does by itself, from the inputs to the gradients.
            `jit_compile=True` in `compile` does the same. Defaults to `False`.
        lengths: int. Where the batches that XLA compiles for come in several lengths, as those of
            `kbl.data.bucketed_dataset(bounds=...)`, all of these. The step is then traced for each of them with its
            sizes known, which fused attention needs; another length is an error. Defaults to none: one trace serves
            all lengths, and XLA still compiles for each.

    Returns:
        The same model.

    Raises:
        ValueError: if the model was not made in the scope of a strategy that is known; or, when it is compiled or
            trained, if a setting would give wrong results.
        RuntimeError: if this version of Keras lacks what it builds on.

    Example:
        >>> import numpy as np
        >>> strategy = tf.distribute.get_strategy()  # or MirroredStrategy(), or MultiWorkerMirroredStrategy()
        >>> with strategy.scope():
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        ...     model.compile("sgd", loss="mse")
        >>> model = prepare(model, gradient_accumulation=4)
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0)
        >>> list(history.history)
        ['loss']
    """
    if gradient_accumulation < 1 or int(gradient_accumulation) != gradient_accumulation:
        raise ValueError(
            f"`gradient_accumulation` must be a whole number from 1 on. Received: {gradient_accumulation}."
        )
    lengths = check_lengths(lengths)
    check_keras()
    check_strategy(model)
    for name in _OVERRIDES:
        vars(model).pop(name, None)
    if model._distribute_strategy is None and gradient_accumulation == 1 and not compile_replica:
        return model  # Keras is right, and nothing is in the way.
    check_model(model)
    if model.compiled:
        check_compiled(model)

    def made_by(name, function_of):
        def make(force=False):
            if getattr(model, name) is None or force:
                if model.compiled:
                    check_compiled(model)
                compiled = compile_replica or bool(model.jit_compile)
                step = ReplicaStep(model, gradient_accumulation, compiled, lengths)
                setattr(model, name, function_of(model, step))

        return make

    functions = (
        lambda iterator=None, data_batch=None: _build(model, iterator, data_batch),
        made_by("train_function", fit_functions.train_function),
        made_by("test_function", fit_functions.test_function),
        made_by("predict_function", lambda model, step: fit_functions.predict_function(model)),
    )
    # Past __setattr__, which in Keras follows what it is given.
    vars(model).update(zip(_OVERRIDES, functions, strict=True))
    model.train_function = model.test_function = model.predict_function = None
    return model


def _build(model, iterator, data_batch):
    """Makes the variables of losses, metrics and optimizer, which replicas cannot make in a step."""
    if model.compiled:
        check_compiled(model)
    if iterator is not None:
        spec = iterator._distributed_dataset.element_spec
        data_batch = tf.nest.map_structure(_of_one_replica, spec)
    with model.distribute_strategy.scope():
        model._symbolic_build(data_batch=data_batch)


def _of_one_replica(spec):
    specs = getattr(spec, "_value_specs", None)
    spec = spec if specs is None else specs[0]
    return None if isinstance(spec, tf.OptionalSpec) else spec
