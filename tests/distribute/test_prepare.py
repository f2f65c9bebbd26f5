"""Prepared models on two replicas of one process: what losses, metrics and optimizers make of parts of a batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import distribute, training
from keras_bert_layers.distribute.replica_seeds import replica_seeds
from keras_bert_layers.distribute.shadowed import shadowed

ROWS = 7


def arrays(seed=0):
    """7 rows of 3 positions; weights that the two halves of a batch share very unevenly."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 3, 4)).astype("float32")
    y = rng.normal(size=(ROWS, 3, 2)).astype("float32")
    weights = (rng.random((ROWS, 3)) * np.array([1, 1, 1, 1, 0, 0.1, 0.1])[:, None]).astype("float32")
    return x, y, weights


class OwnCall(keras.losses.Loss):
    """A loss that makes its own weights, as MaskedLMLoss does."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        weights = keras.ops.cast(y_true[..., 0] > 0, "float32")
        return super().__call__(y_true, y_pred, weights)

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def absolute(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


LOSSES = {
    "mean over all": lambda: keras.losses.MeanSquaredError(),
    "mean over weights": lambda: keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
    "mean": lambda: keras.losses.Huber(reduction="mean"),
    "sum": lambda: keras.losses.MeanSquaredError(reduction="sum"),
    "own call": lambda: OwnCall(reduction="mean_with_sample_weight"),
    "own call, over all": lambda: OwnCall(),
    "function": lambda: absolute,
    "name": lambda: "mae",
}


class AddedLoss(keras.layers.Layer):
    """A loss that a layer adds: a mean over the examples."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def model(strategy, loss="mse", optimizer=None, dropout=0.0, added=AddedLoss, **compiling):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = keras.Input((3, 4))
        hidden = keras.layers.Dense(5, "tanh", kernel_regularizer=keras.regularizers.L2(0.1))(inputs)
        hidden = added()(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
        made = keras.Model(inputs, keras.layers.Dense(2)(hidden))
        optimizer = keras.optimizers.SGD(0.1) if optimizer is None else optimizer()
        made.compile(optimizer, loss, **compiling)
    return made


def trained(made, epochs=3):
    x, y, weights = arrays()
    history = made.fit(x, y, sample_weight=weights, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return history.history, made.get_weights()


def assert_equal(one, other, atol=1e-5):
    keras.tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol), one, other)


@pytest.fixture(scope="module")
def one_device():
    return tf.distribute.get_strategy()


def model_of_many_losses(strategy, masked):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        inputs = keras.Input((3, 4))
        hidden = keras.layers.Masking(mask_value=0.0)(inputs) if masked else inputs
        hidden = AddedLoss()(keras.layers.Dense(5, "tanh")(hidden))
        made = keras.Model(inputs, [keras.layers.Dense(2, name=f"output_{number}")(hidden) for number in range(8)])
        losses = [loss() for loss in LOSSES.values()]
        made.compile(keras.optimizers.SGD(0.1), losses, [1.0, 0.5, 2.0, 0.1, 1.0, 0.3, 1.5, 0.2])
    return made


@pytest.mark.parametrize(("masked", "accumulation"), [(False, 1), (True, 1), (True, 3)])
def test_every_reduction_is_that_of_the_whole_batch(masked, accumulation, mirrored, one_device):
    x, y, weights = arrays()
    x = x * (weights > 0.3)[..., None] if masked else x
    data = tf.data.Dataset.from_tensor_slices((x, (y,) * 8, (weights,) * 8)).batch(4)
    one, two = model_of_many_losses(one_device, masked), model_of_many_losses(mirrored, masked)
    distribute.prepare(two, gradient_accumulation=accumulation)
    histories = [made.fit(data, epochs=3, verbose=0).history for made in (one, two)]
    assert len(histories[0]) == 1 + len(LOSSES)
    assert_equal(histories[1], histories[0])
    assert_equal(two.get_weights(), one.get_weights())


def test_parts_on_one_device_are_the_whole_batch(one_device):
    one = trained(model(one_device))
    prepared = distribute.prepare(model(one_device), gradient_accumulation=3)
    assert_equal(trained(prepared), one)


class CountedRows(keras.layers.Layer):
    """Notes how many rows it is given, whenever its output is needed."""

    seen = ()

    def call(self, inputs):
        @tf.custom_gradient
        def noted(x):
            return tf.ensure_shape(tf.numpy_function(self._note, [x], x.dtype, stateful=False), x.shape), lambda dy: dy

        return noted(inputs)

    def _note(self, x):
        CountedRows.seen = (*CountedRows.seen, len(x))
        return x


def test_the_model_runs_once_on_each_part(one_device):
    CountedRows.seen = ()
    x, y, _ = arrays()
    prepared = distribute.prepare(model(one_device, added=CountedRows), gradient_accumulation=3)
    prepared.fit(x, y, batch_size=8, verbose=0)
    assert sorted(CountedRows.seen) == [1, 3, 3]


def test_a_prepared_model_on_one_device_is_left_to_keras(one_device):
    one = trained(model(one_device, dropout=0.5))
    prepared = distribute.prepare(model(one_device, dropout=0.5))
    assert_equal(trained(prepared), one, atol=0)


def test_clipping_knows_the_gradient_of_the_whole_batch(mirrored, one_device):
    def clipped():
        return keras.optimizers.SGD(0.1, global_clipnorm=0.05)

    one = trained(model(one_device, optimizer=clipped))
    without = trained(model(one_device))
    assert max(np.abs(a - b).max() for a, b in zip(one[1], without[1], strict=True)) > 1e-2
    assert_equal(trained(distribute.prepare(model(mirrored, optimizer=clipped))), one)


@pytest.mark.parametrize("overwrite", [None, 2])
def test_moving_averages_are_those_of_one_device(overwrite, mirrored, one_device):
    def averaging():
        return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=overwrite)

    one = trained(model(one_device, optimizer=averaging))
    assert_equal(trained(distribute.prepare(model(mirrored, optimizer=averaging))), one)


def test_a_loss_scale_is_halved_for_all_replicas_when_one_overflows(mirrored):
    def scaling():
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=8.0)

    made = distribute.prepare(model(mirrored, optimizer=scaling))
    x, y, _ = arrays()
    y[0] = np.inf  # a row of the first replica
    before = made.get_weights()
    made.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    assert_equal(made.get_weights(), before, atol=0)
    assert float(made.optimizer.dynamic_scale.numpy()) == 4.0
    assert int(made.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("rows", [1, 5, 7])
def test_evaluate_weighs_and_predict_orders_all_rows(rows, mirrored, one_device):
    x, y, weights = (array[:rows] for array in arrays(1))
    one, two = model(one_device, weighted_metrics=["mae"]), model(mirrored, weighted_metrics=["mae"])
    distribute.prepare(two)
    scores = [m.evaluate(x, y, sample_weight=weights, batch_size=4, verbose=0) for m in (one, two)]
    assert_equal(scores[1], scores[0])
    assert_equal(two.predict(x, batch_size=4, verbose=0), one.predict(x, batch_size=4, verbose=0))


def test_a_batch_by_hand_is_trained_and_tested(mirrored, one_device):
    x, y, _ = arrays()
    one, two = model(one_device), distribute.prepare(model(mirrored))
    logs = [[m.train_on_batch(x, y), m.test_on_batch(x, y), m.predict_on_batch(x)[:1]] for m in (one, two)]
    assert_equal(logs[1], logs[0])


def test_several_steps_at_a_time_end_where_the_data_end(mirrored, one_device):
    ended = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ended.append(float(logs["loss"])))
    x, y, _ = arrays()
    one = model(one_device)
    two = distribute.prepare(model(mirrored, steps_per_execution=3))
    for made in (one, two):
        made.fit(x, y, batch_size=1, epochs=1, shuffle=False, verbose=0, callbacks=[callback])
    assert_equal(ended[ROWS:], [ended[2], ended[5], ended[6]])
    assert_equal(two.get_weights(), one.get_weights())


def test_a_model_can_be_compiled_again(mirrored, one_device):
    one, two = model(one_device), distribute.prepare(model(mirrored))
    for made, strategy in ((one, one_device), (two, mirrored)):
        trained(made, epochs=1)
        with strategy.scope():
            made.compile(keras.optimizers.Adam(0.05), "mae")
    assert_equal(trained(two), trained(one))


def test_replicas_draw_different_dropout_and_the_run_repeats(mirrored):
    x = np.ones((4, 3, 4), "float32")

    def outputs():
        made = distribute.prepare(model(mirrored, dropout=0.5))
        probe = keras.Model(made.input, made.layers[-2].output)

        @tf.function
        def draw():
            with shadowed(replica_seeds(made)):
                return mirrored.run(lambda: probe(x, training=True))

        seen = [mirrored.experimental_local_results(draw()) for _ in range(2)]
        return [[part.numpy() for part in step] for step in seen]

    first, again = outputs(), outputs()
    assert_equal(again, first, atol=0)
    assert np.any((first[0][0] == 0) != (first[0][1] == 0))
    assert np.any(first[0][0] != first[1][0])


def test_the_first_replica_draws_the_dropout_of_one_device(mirrored, one_device):
    """With all weight on its rows, training is that of one device."""
    x, y, _ = arrays()
    x, y = x[:2], y[:2]
    case = {"dropout": 0.5, "added": keras.layers.Identity}
    one, two = model(one_device, **case), distribute.prepare(model(mirrored, **case))
    one.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    padded = np.concatenate([x, x]), np.concatenate([y, y])
    with mirrored.scope():
        two.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"))
    two.fit(*padded, sample_weight=np.array([[1.0] * 3] * 2 + [[0.0] * 3] * 2), batch_size=4, shuffle=False, verbose=0)
    assert_equal(two.get_weights(), one.get_weights())


def test_what_is_saved_is_what_was_saved_before(mirrored, tmp_path):
    made = model(mirrored)
    config, kind = made.get_config(), type(made)
    distribute.prepare(made)
    trained(made)
    assert made.get_config() == config
    assert type(made) is kind
    made.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects={"AddedLoss": AddedLoss})
    x = arrays()[0]
    assert_equal(again.predict(x, verbose=0), made.predict(x, verbose=0))
    assert not {"make_train_function", "_maybe_symbolic_build"} & set(vars(again))
    made.export(tmp_path / "export", verbose=False)
    served = tf.saved_model.load(tmp_path / "export")
    assert_equal(served.serve(x).numpy(), made.predict(x, verbose=0))


def whole_batch(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


def with_activity_regularizer():
    inputs = keras.Input((3, 4))
    made = keras.Model(inputs, keras.layers.Dense(2, activity_regularizer="l2")(inputs))
    made.compile("sgd", "mse")
    return made


REFUSED = {
    "activity_regularizer": (lambda s: in_scope(s, with_activity_regularizer), "is a sum over the batch"),
    "one number for the whole batch": (lambda s: model(s, whole_batch), "one number for the whole batch"),
    "no value for a batch": (lambda s: model(s, keras.losses.MeanSquaredError(reduction="none")), "no value"),
    "run_eagerly": (lambda s: model(s, run_eagerly=True), "run_eagerly"),
    "gradient_accumulation_steps": (
        lambda s: model(s, optimizer=lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)),
        r"gradient_accumulation=4",
    ),
    "own train_step": (lambda s: in_scope(s, own_step), "train_step of its own|its own train_step"),
}


def in_scope(strategy, build):
    with strategy.scope():
        return build()


def own_step():
    inputs = keras.Input((3, 4))
    made = OwnStep(inputs, keras.layers.Dense(2)(inputs))
    made.compile("sgd", "mse")
    return made


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_give_wrong_results_is_refused(what, mirrored):
    build, message = REFUSED[what]
    x, y, _ = arrays()
    with pytest.raises(ValueError, match=message), mirrored.scope():
        distribute.prepare(build(mirrored)).fit(x, y, verbose=0)


def test_a_model_of_outside_is_refused(mirrored, one_device):
    made = model(one_device)
    with pytest.raises(ValueError, match="not made under the strategy"), mirrored.scope():
        distribute.prepare(made)


def test_an_optimizer_of_outside_is_refused(mirrored):
    optimizer = keras.optimizers.SGD(0.1)
    with pytest.raises(ValueError, match=r"variable .* of the optimizer was made outside"):
        distribute.prepare(model(mirrored, optimizer=lambda: optimizer))


@pytest.mark.parametrize("loss", [training.ContrastiveLoss, training.CosentLoss, keras.losses.Circle])
def test_losses_that_compare_examples_are_refused(loss, mirrored):
    pairs = loss is not keras.losses.Circle
    with mirrored.scope():
        inputs = keras.Input((2, 4) if pairs else (4,))
        made = distribute.prepare(keras.Model(inputs, keras.layers.Dense(3)(inputs)))
        made.compile(keras.optimizers.SGD(0.1), loss())
    y = np.arange(8).reshape(4, 2) if loss is training.ContrastiveLoss else np.arange(4)
    with pytest.raises(ValueError, match="compares the examples of a batch"):
        made.fit(np.ones((4, *inputs.shape[1:])), y, verbose=0)


@pytest.mark.parametrize("number", [0, -1, 1.5])
def test_parts_are_counted_in_whole_numbers(number, one_device):
    with pytest.raises(ValueError, match="whole number"):
        distribute.prepare(model(one_device), gradient_accumulation=number)


def test_another_version_of_keras_gives_one_warning(one_device, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "9.9.9")
    with pytest.warns(UserWarning, match=r"tried with Keras 3\.15.*This is 9\.9\.9") as warned:
        distribute.prepare(model(one_device))
    assert len(warned) == 1


def test_a_missing_part_of_keras_is_named(one_device, monkeypatch):
    monkeypatch.delattr(keras.src.trainers.trainer.Trainer, "_symbolic_build")
    with pytest.raises(RuntimeError, match=r"has no Model\._symbolic_build"):
        distribute.prepare(model(one_device))
