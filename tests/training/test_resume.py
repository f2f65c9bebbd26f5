"""A run that is killed and started again ends like the run left alone, whatever happens to its files."""

import json
import os
import random
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import training_runs
from training_runs import END, EPOCH, KillAt, Killed

from keras_bert_layers import data, models, text
from keras_bert_layers.training import MaskedLMAccuracy, MaskedLMLoss, NextSentenceLoss, Resume, adamw, state_files


def run(directory, kills=(), make=training_runs.model, callbacks=list, every=2, **arguments):
    """Trains to the end, started again after each kill; returns the model and the history of the last process."""
    arguments = {"dataset": training_runs.batches, "until": END, "steps_per_epoch": EPOCH, "verbose": 0, **arguments}
    for kill in (*kills, None):
        made, others = make(), callbacks()
        resume = Resume(directory, every=every)
        try:
            killing = [] if kill is None else [KillAt(kill)]
            history = resume.fit(made, callbacks=[*others, *killing], **arguments)
        except Killed:
            resume.on_train_end()  # what was begun is written, as by a process that was given the time
    return made, history


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory):
    """The state and the history of the run that nothing happens to."""
    made, history = run(tmp_path_factory.mktemp("left_alone"), validation_data=training_runs.batches(100).take(2))
    return training_runs.state(made), history


@pytest.mark.parametrize(
    "kills",
    [[1], [3], [6], [10], [13], [2, 2, 3]],
    ids=lambda kills: "-".join(map(str, kills)),
)
def test_a_killed_run_ends_like_the_run_left_alone(kills, left_alone, tmp_path):
    made, history = run(tmp_path, kills, validation_data=training_runs.batches(100).take(2))
    training_runs.assert_equal(training_runs.state(made), left_alone[0])
    assert history.history == left_alone[1].history
    assert history.epoch == left_alone[1].epoch == [0, 1, 2]


@pytest.mark.long
def test_a_bert_killed_within_an_epoch_ends_like_the_one_left_alone(tmp_path):
    words = [["the film is good .", "a very good film"], ["the films is not bad", "bad . very bad", "a bad film ."]]
    tokenizer = tiny.tokenizer()
    masker = text.MaskedLMMasker(tokenizer, max_predictions=3)

    def dataset(step):
        return data.pretraining_dataset(words, tokenizer, masker, sequence_length=12, batch_size=2).skip(step)

    def make():
        keras.utils.set_random_seed(1)
        made = models.bert_pretrainer(models.bert_encoder(tiny.config(num_layers=1, dropout=0.2)))
        made.compile(
            adamw(1e-2, total_steps=7),
            loss={"masked_lm": MaskedLMLoss(), "next_sentence": NextSentenceLoss()},
            weighted_metrics={"masked_lm": [MaskedLMAccuracy()], "next_sentence": ["accuracy"]},
        )
        return made

    options = {"make": make, "until": 7, "steps_per_epoch": 4, "every": 3}
    killed, history = run(tmp_path / "killed", [3], dataset=dataset, **options)
    alone, history_alone = run(tmp_path / "alone", dataset=dataset, **options)
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))
    assert history.history == history_alone.history
    assert {"masked_lm_accuracy", "next_sentence_accuracy"} <= set(history.history)


def test_plain_fit_goes_on_at_the_step_that_restore_returns(left_alone, tmp_path):
    run_twice = []
    for kill in (8, None):
        made, resume = training_runs.model(), Resume(tmp_path, every=3)
        step = resume.restore(made)
        run_twice.append(step)
        others = [] if kill is None else [KillAt(kill)]
        try:
            history = made.fit(
                training_runs.batches(step),
                steps_per_epoch=7,
                epochs=2,
                initial_epoch=step // 7,
                shuffle=False,
                verbose=0,
                callbacks=[*others, resume],
            )
        except Killed:
            resume.on_train_end()
    assert run_twice == [0, 6]
    training_runs.assert_equal(training_runs.state(made), left_alone[0])
    whole, _ = training_runs.model(), None
    alone = whole.fit(training_runs.batches(), steps_per_epoch=7, epochs=2, shuffle=False, verbose=0)
    assert history.history == alone.history  # one step of the first epoch was left, and its log is of all seven


def test_epochs_of_another_length_begin_with_their_own_metrics(tmp_path):
    resume = Resume(tmp_path / "killed", every=8)
    with pytest.raises(Killed):
        resume.fit(training_runs.model(), training_runs.batches, END, 12, callbacks=[KillAt(9)], verbose=0)
    resume.on_train_end()
    _, history = run(tmp_path / "killed", steps_per_epoch=4)
    _, alone = run(tmp_path / "alone", steps_per_epoch=4)
    assert history.history["loss"] == alone.history["loss"][2:]


def test_two_replicas_end_like_two_replicas_left_alone(mirrored, tmp_path):
    def make():
        with mirrored.scope():
            return training_runs.model()

    killed, history = run(tmp_path / "killed", [8], make)
    alone, history_alone = run(tmp_path / "alone", [], make)
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))
    assert history.history == history_alone.history
    for variable in killed.variables:
        np.testing.assert_array_equal(*[component.numpy() for component in variable.value.values])


@pytest.mark.parametrize(
    ("optimizer", "policy"),
    [
        (lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.8), "float32"),
        (lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3), "float32"),
        (lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=4), "float32"),
        (lambda: keras.optimizers.Adam(0.01), "mixed_float16"),
        (lambda: keras.optimizers.Adam(0.01), "bfloat16"),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9), "float32"),
    ],
    ids=["average", "average that overwrites", "accumulation", "loss scale", "bfloat16 weights", "momentum"],
)
def test_all_state_of_the_optimizer_comes_back(optimizer, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    killed, _ = run(tmp_path / "killed", [7], lambda: training_runs.model(optimizer=optimizer()))
    alone, _ = run(tmp_path / "alone", [], lambda: training_runs.model(optimizer=optimizer()))
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))


def test_several_steps_in_one_execution_end_like_those_left_alone(tmp_path):
    def make():
        return training_runs.model(steps_per_execution=2)

    options = {"make": make, "steps_per_epoch": 6, "every": 4}
    killed, history = run(tmp_path / "killed", [4], **options)
    alone, history_alone = run(tmp_path / "alone", **options)
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))
    assert history.history == history_alone.history


class Draws(keras.callbacks.Callback):
    """Notes what the generators of Python and NumPy give after each step."""

    drawn: list = []  # noqa: RUF012

    def on_train_batch_end(self, batch, logs=None):
        self.drawn.append((random.random(), np.random.rand()))


class Noise(keras.layers.Layer):
    """Draws from the generator that Keras has for those that bring none."""

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))


def test_generators_of_keras_numpy_and_python_go_on_where_they_were(tmp_path):
    def make():
        keras.utils.set_random_seed(3)
        made = keras.Sequential([keras.Input((4,)), Noise(), keras.layers.Dense(1)])
        made.compile("sgd", "mse")
        return made

    drawn = []
    for name, kills in (("alone", []), ("killed", [6])):
        Draws.drawn = []
        made, _ = run(tmp_path / name, kills, make, callbacks=lambda: [Draws()])
        drawn.append((Draws.drawn[-8:], training_runs.state(made)))
    assert drawn[0][0] == drawn[1][0]
    training_runs.assert_equal(drawn[0][1], drawn[1][1])


def stopping():
    return [keras.callbacks.EarlyStopping("mae", patience=1, min_delta=10.0, restore_best_weights=True)]


@pytest.mark.parametrize("kills", [[3], [7]])
def test_early_stopping_remembers_the_epochs_before_a_kill(kills, tmp_path):
    killed, history = run(tmp_path / "killed", kills, callbacks=stopping, until=30)
    alone, history_alone = run(tmp_path / "alone", callbacks=stopping, until=30)
    assert history.epoch == history_alone.epoch == [0, 1]
    training_runs.assert_equal(training_runs.state(killed), training_runs.state(alone))


def test_a_run_that_stopped_early_is_not_trained_further_and_has_its_best_weights(tmp_path):
    alone, _ = run(tmp_path, callbacks=stopping, until=30)
    again, history = run(tmp_path, callbacks=stopping, until=30)
    assert history.epoch == [0, 1]
    assert int(again.optimizer.iterations) == 10
    training_runs.assert_equal(training_runs.state(again), training_runs.state(alone))


def test_plateau_and_checkpoint_callbacks_remember(tmp_path):
    def callbacks(folder):
        plateau = keras.callbacks.ReduceLROnPlateau("mae", factor=0.5, patience=1, min_delta=10.0)
        best = keras.callbacks.ModelCheckpoint(tmp_path / folder / "best.keras", "mae", mode="max", save_best_only=True)
        return [plateau, best]

    ends = []
    for folder, kills in (("killed", [3, 5]), ("alone", [])):
        (tmp_path / folder).mkdir()
        made, history = run(
            tmp_path / folder / "states",
            kills,
            lambda: training_runs.model(optimizer=keras.optimizers.Adam(0.1)),
            lambda folder=folder: callbacks(folder),
        )
        best = keras.models.load_model(tmp_path / folder / "best.keras")
        ends.append((training_runs.state(made), best.get_weights(), history.history["learning_rate"]))
    assert ends[0][2] == ends[1][2]
    assert ends[0][2][-1] < ends[0][2][0]
    training_runs.assert_equal(ends[0][0], ends[1][0])
    training_runs.assert_equal(ends[0][1], ends[1][1])


@pytest.mark.parametrize("kills", [[3], [8], [3, 3, 3, 3]])
def test_a_run_in_parts_goes_on_in_the_part_where_it_was(kills, tmp_path):
    def in_parts(directory, kills):
        for kill in (*kills, None):
            made, resume = training_runs.model(), Resume(directory, every=2)
            killing = [] if kill is None else [KillAt(kill)]
            try:
                for begin, end, size in ((0, 7, 4), (7, END, 2)):
                    resume.fit(
                        made,
                        lambda step, begin=begin, size=size: training_runs.batches(step - begin, size),
                        until=end,
                        steps_per_epoch=4,
                        callbacks=killing,
                        verbose=0,
                    )
            except Killed:
                resume.on_train_end()
        return training_runs.state(made)

    training_runs.assert_equal(in_parts(tmp_path / "killed", kills), in_parts(tmp_path / "alone", []))


def test_a_run_that_has_ended_is_not_trained_further(left_alone, tmp_path):
    run(tmp_path)
    again, _ = run(tmp_path, dataset=lambda step: pytest.fail("no data are needed"))
    training_runs.assert_equal(training_runs.state(again), left_alone[0])


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_last_states_are_kept(tmp_path):
    resume = Resume(tmp_path, every=3, keep=2)
    resume.fit(training_runs.model(), training_runs.batches, END, EPOCH, verbose=0)
    assert files(tmp_path) == ["step-000000012.npz", "step-000000014.npz"]


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 16
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_state_is_passed_over_with_a_warning_that_names_it(damage, left_alone, tmp_path):
    run(tmp_path, until=8)
    damage(tmp_path / "step-000000008.npz")
    with pytest.warns(UserWarning, match=r"step-000000008\.npz .* is damaged.*from the one before it, step 6"):
        made, _ = run(tmp_path)
    training_runs.assert_equal(training_runs.state(made), left_alone[0])


def test_a_damaged_state_does_not_push_out_a_good_one(tmp_path):
    resume = Resume(tmp_path, every=2, keep=1)
    resume.fit(training_runs.model(), training_runs.batches, 4, EPOCH, verbose=0)
    (tmp_path / "step-000000010.npz").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="step-000000010"):
        Resume(tmp_path, every=2, keep=1).fit(training_runs.model(), training_runs.batches, 6, EPOCH, verbose=0)
    assert files(tmp_path) == ["step-000000006.npz", "step-000000010.npz"]


def test_nothing_readable_is_an_error_and_no_new_beginning(tmp_path):
    run(tmp_path, until=4)
    for path in tmp_path.iterdir():
        cut(path)
    with pytest.raises(ValueError, match=r"No saved state in .* can be read: .*step-000000004.*step-000000002"):
        Resume(tmp_path).restore(training_runs.model())


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path):
    path, arrays, facts = tmp_path / "a.npz", {"a/0": np.arange(3.0), "b": np.array(7), "c": np.zeros((0, 2))}, {"x": 1}
    state_files.write(path, arrays, facts)
    content = path.read_bytes()
    noticed = 0
    for position in range(len(content)):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :]
        )
        try:
            read, read_facts = state_files.read(path)
        except state_files.UnreadableState:
            noticed += 1
        else:
            assert (read_facts, list(read)) == (facts, list(arrays))
            training_runs.assert_equal(list(read.values()), list(arrays.values()))
    assert noticed > len(content) / 2


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / ".step-000000004.npz.123.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    assert Resume(tmp_path).restore(training_runs.model()) == 0
    assert files(tmp_path) == ["notes.txt"]


def test_a_state_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            state_files.write(tmp_path / "step-000000001.npz", {"a": np.zeros(1000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(tmp_path) == []


def test_a_full_disk_stops_no_training_and_takes_no_older_state(left_alone, tmp_path, monkeypatch):
    run(tmp_path, until=4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(UserWarning, match=r"could not be saved: \[Errno 28\] No space left on device.*goes on"):
        made, _ = run(tmp_path)
    training_runs.assert_equal(training_runs.state(made), left_alone[0])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_only_the_chief_writes(tmp_path, monkeypatch):
    kind = type(tf.distribute.get_strategy().extended)
    monkeypatch.setattr(kind, "should_checkpoint", property(lambda self: False))
    run(tmp_path / "states")
    assert not (tmp_path / "states").exists()


def test_other_settings_are_refused_by_name(tmp_path):
    settings = {"batch_size": 4, "seed": 0, "phases": [[128, 9000]], "old": 1}
    Resume(tmp_path, settings=settings).fit(training_runs.model(), training_runs.batches, 2, 2, verbose=0)
    other = {"batch_size": 8, "seed": 0, "phases": [(128, 9000)], "new": None}
    with pytest.raises(
        ValueError, match="batch_size was 4 and is 8; old was 1 and is not there; new was not there and is"
    ):
        Resume(tmp_path, settings=other).restore(training_runs.model())
    assert Resume(tmp_path, settings=settings).restore(training_runs.model()) == 2


def test_other_versions_are_warned_of(tmp_path, monkeypatch):
    run(tmp_path, until=2)
    monkeypatch.setattr(keras, "__version__", "9.9")
    with pytest.warns(UserWarning, match=r'keras was "3\..*" and is "9\.9"'):
        assert Resume(tmp_path).restore(training_runs.model()) == 2


def wider():
    keras.utils.set_random_seed(0)
    made = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(9), keras.layers.Dropout(0.1), keras.layers.Dense(1)]
    )
    made.compile("adam", "mse")
    return made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (wider, r"where it has the model variable 'dense/kernel', float32 \[4, 8\], this one has .* \[4, 9\]"),
        (lambda: training_runs.model(optimizer=keras.optimizers.SGD()), "this one has the optimizer variable 'sgd"),
    ],
    ids=["another width", "another optimizer"],
)
def test_a_state_of_another_model_is_refused_and_nothing_is_changed(make, message, tmp_path):
    run(tmp_path, until=2)
    made = make()
    before = made.get_weights()
    with pytest.raises(ValueError, match=message):
        Resume(tmp_path).restore(made)
    training_runs.assert_equal(made.get_weights(), before)


def test_the_file_can_be_read_with_numpy_alone(tmp_path):
    made, _ = run(tmp_path)
    with np.load(tmp_path / "step-000000014.npz", allow_pickle=False) as file:
        facts = json.loads(file["state.json"])
        kernel = next(saved for saved in facts["variables"] if saved["path"].endswith("kernel"))
        np.testing.assert_array_equal(file[kernel["arrays"][0]], made.trainable_variables[0])
    assert facts["step"] == 14


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"every": 0}, "every=0"), ({"keep": 0}, "keep=0"), ({"settings": {"a": {1}}}, "set is not JSON serializable")],
)
def test_arguments_that_cannot_be_are_refused(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Resume(tmp_path, **arguments)


def test_a_model_that_is_not_compiled_is_refused(tmp_path):
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="must be built and compiled"):
        Resume(tmp_path).restore(made)


def test_a_wrong_first_epoch_is_refused(tmp_path):
    run(tmp_path, until=6)
    made, resume = training_runs.model(), Resume(tmp_path)
    resume.restore(made)
    with pytest.raises(ValueError, match="at step 6, in epoch 1 of 5 steps, and `fit` has begun epoch 0"):
        made.fit(training_runs.batches(6), steps_per_epoch=5, epochs=3, shuffle=False, verbose=0, callbacks=[resume])


@pytest.mark.filterwarnings("ignore:.*ran out of data")
@pytest.mark.parametrize("known_length", [True, False])
@pytest.mark.parametrize("length", [8, 9, 12])
def test_a_data_set_that_ends_too_early_is_an_error(length, known_length, tmp_path):
    def dataset(step):
        taken = training_runs.batches(step).take(length - step)
        return taken if known_length else taken.filter(lambda x, y: True)

    with pytest.raises(ValueError, match="The data set ended before step"):
        Resume(tmp_path).fit(training_runs.model(), dataset, END, EPOCH, verbose=0)


def test_a_data_set_in_place_of_a_function_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a function of the step"):
        Resume(tmp_path).fit(training_runs.model(), training_runs.batches(), END, EPOCH)
