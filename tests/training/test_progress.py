"""The reports on a run: their numbers by hand, whole after a kill, and made without holding up training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from training_runs import END, EPOCH, KillAt, Killed

from keras_bert_layers.models import BertConfig
from keras_bert_layers.training import Resume, TrainingProgress, device_peak_flops, flops, pretraining_flops
from keras_bert_layers.training.batch_counts import BatchCounts
from keras_bert_layers.training.progress_line import ProgressLine, clock

MASK = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]], "int32")


def text_batches(step=0):
    """Features with 6 real tokens at even steps, and 4 at odd ones."""

    def batch(number):
        x = tf.random.stateless_normal((3, 4), [7, number])
        mask = tf.constant(MASK) * tf.cast(tf.range(3)[:, None] < 3 - tf.cast(number, "int32") % 2, "int32")
        positions = tf.constant([[0, 1], [0, -1], [-1, -1]])
        return {"x": x, "padding_mask": mask, "mask_positions": positions}, tf.reduce_sum(x, axis=1, keepdims=True)

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.range(step, 2**40).map(batch).with_options(options)


def text_model(rate=0.0):
    keras.utils.set_random_seed(0)
    inputs = {"x": keras.Input((4,), name="x"), "padding_mask": keras.Input((4,), name="padding_mask")}
    inputs["mask_positions"] = keras.Input((2,), name="mask_positions")
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs["x"]))
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


def fit(model, progress, steps=10, size=5, **arguments):
    return model.fit(
        progress.watch(text_batches()),
        steps_per_epoch=size,
        epochs=steps // size,
        shuffle=False,
        verbose=0,
        callbacks=[progress],
        **arguments,
    )


def test_loss_and_metrics_are_those_of_the_steps_since_the_last_report():
    model, progress = text_model(), TrainingProgress(10, every=3, show=False)
    fit(model, progress)
    steps = [row["step"] for row in progress.rows]
    assert steps == [3, 5, 6, 9, 10]
    losses = [model.evaluate(text_batches(step).take(1), verbose=0) for step in range(10)]
    for begin, row in zip([0, *steps], progress.rows, strict=False):
        expected = np.mean(losses[begin : row["step"]], axis=0)
        np.testing.assert_allclose([row["loss"], row["mae"]], expected, rtol=1e-5)


def test_validation_and_learning_rate_are_in_the_row_of_the_epochs_end():
    model, progress = text_model(0.25), TrainingProgress(10, every=3, show=False)
    history = fit(model, progress, validation_data=text_batches(50).take(2))
    ends = [row for row in progress.rows if "val_loss" in row]
    assert [row["step"] for row in ends] == [5, 10]
    assert [row["val_loss"] for row in ends] == history.history["val_loss"]
    assert {row["learning_rate"] for row in progress.rows} == {0.25}


def test_rates_follow_from_the_tokens_of_the_steps():
    config = BertConfig(num_layers=2, hidden_dim=8, num_heads=2, intermediate_dim=16, vocabulary_size=10)
    progress = TrainingProgress(8, every=2, config=config, peak_flops=1e9, show=False)
    fit(text_model(), progress, steps=8, size=8)
    assert progress.tokens == 4 * (6 + 4)
    assert "tokens_per_second" in progress.rows[0]  # of its second step: the first was compiled
    for row in progress.rows[1:]:
        per_step = 1 / row["steps_per_second"]
        np.testing.assert_allclose(row["tokens_per_second"] * per_step, (6 + 4) / 2)
        # Lengths 3, 1, 2 and 3, 1; three predictions.
        both = pretraining_flops(config, 10, 9 + 1 + 4 + 9 + 1, 6)
        np.testing.assert_allclose(row["share_of_peak"] * per_step, both / 2 / 1e9)


def test_time_spent_on_validation_does_not_count_for_the_rates(monkeypatch):
    class Slow(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            clock_now[0] += 1000

        def on_train_batch_end(self, batch, logs=None):
            clock_now[0] += 1

    clock_now = [0.0]
    monkeypatch.setattr("keras_bert_layers.training.training_progress.time.monotonic", lambda: clock_now[0])
    model, progress = text_model(), TrainingProgress(10, every=2, show=False)
    model.fit(
        text_batches(),
        steps_per_epoch=5,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[progress, Slow()],
        validation_data=text_batches(50).take(1),
    )
    np.testing.assert_allclose([row["steps_per_second"] for row in progress.rows], 1)
    assert [row["seconds"] for row in progress.rows] == [2, 4, 1005, 1006, 1008, 2010]


def test_the_curves_of_a_killed_run_are_those_of_the_run_left_alone(tmp_path):
    def rows(directory, kills):
        for kill in (*kills, None):
            progress, resume = TrainingProgress(END, every=3, show=False), Resume(directory, every=4)
            killing = [] if kill is None else [KillAt(kill)]
            try:
                resume.fit(
                    text_model(0.1),
                    lambda step, progress=progress: progress.watch(text_batches(step), step),
                    END,
                    EPOCH,
                    callbacks=[progress, *killing],
                    verbose=0,
                )
            except Killed:
                resume.on_train_end()
        timed = ("seconds", "steps_per_second", "tokens_per_second")
        return progress.tokens, [{k: v for k, v in row.items() if k not in timed} for row in progress.rows]

    tokens, killed = rows(tmp_path / "killed", [7, 3])
    tokens_alone, alone = rows(tmp_path / "alone", [])
    assert tokens == tokens_alone == 7 * (6 + 4)
    assert [row.keys() for row in killed] == [row.keys() for row in alone]
    for mine, theirs in zip(killed, alone, strict=True):
        np.testing.assert_allclose(list(mine.values()), list(theirs.values()), rtol=1e-6)


def test_two_replicas_report_like_one_device(mirrored):
    rows = []
    for scope in (mirrored.scope(), keras.name_scope("one")):
        with scope:
            model = text_model(0.1)
        progress = TrainingProgress(10, every=3, show=False)
        dataset = progress.watch(text_batches().map(lambda x, y: (tf.nest.map_structure(evenly, x), evenly(y))))
        model.fit(dataset, steps_per_epoch=5, epochs=2, shuffle=False, verbose=0, callbacks=[progress])
        rows.append([[row["step"], row["loss"], row["mae"], progress.tokens] for row in progress.rows])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-5)


def evenly(rows):
    """A number of rows that two replicas can share."""
    return rows[:2]


def test_scalars_go_to_tensorboard(tmp_path):
    progress = TrainingProgress(10, every=3, tensorboard=tmp_path, show=False)
    fit(text_model(0.1), progress)
    written = {}
    for event in tf.compat.v1.train.summary_iterator(str(next(tmp_path.glob("events*")))):
        for value in event.summary.value:
            written[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    expected = {(row["step"], name): value for row in progress.rows for name, value in row.items()}
    assert written.keys() == expected.keys()
    np.testing.assert_allclose([written[key] for key in expected], list(expected.values()), rtol=1e-5)


def test_without_a_terminal_each_epoch_has_a_line(capsys):
    progress = TrainingProgress(10, every=2)
    fit(text_model(0.1), progress, validation_data=text_batches(50).take(1))
    lines = [line for line in capsys.readouterr().out.splitlines() if "held-out" in line]
    assert len(lines) == 2
    assert lines[0].startswith("[==========          ]  5/10  ")
    assert "tokens/s" in lines[1]
    assert " left" not in lines[1]


def test_the_line_shows_what_is_known():
    values = {"masked_lm_loss": 2.5, "masked_lm_accuracy": 0.25, "next_sentence_accuracy": 0.5, "loss": 9.0}
    values |= {"tokens_per_second": 12345.6, "share_of_peak": 0.4321}
    text = ProgressLine(1000)._text(250, values, 3725.4)
    expected = "250/1000  1:02:05 left  loss 2.500  words 25.0%  pairs 50.0%"
    assert text == f"[=====               ]  {expected}  12,346 tokens/s  43.2% of peak"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00")])
def test_a_clock_shows_minutes_and_hours(seconds, shown):
    assert clock(seconds) == shown


def test_packed_rows_are_counted_by_their_sequences():
    packs = tf.constant([[1, 1, 1, 2, 2, 0], [1, 2, 3, 3, 3, 3]])
    features = {"pack_ids": packs, "padding_mask": tf.cast(packs > 0, tf.int32), "mask_positions": [[0, 3], [5, -1]]}
    counts = BatchCounts()
    list(counts.watch(tf.data.Dataset.from_tensors((features, 0, 0)), 5))
    assert counts.used(5, 6) == (5 + 6, 9 + 4 + 1 + 1 + 16, 3)
    assert counts.used(5, 6) is None


@pytest.mark.parametrize(("length", "predictions", "millions"), [(128, 20, 546), (512, 76, 588)])
def test_operations_of_bert_base_are_as_counted_by_hand(length, predictions, millions):
    flops_of_row = pretraining_flops(BertConfig(), length, length**2, predictions)
    assert round(flops_of_row / length / 1e6) == millions


def test_a_narrow_embedding_is_counted():
    wide, narrow = BertConfig(), BertConfig(embedding_dim=128)
    difference = pretraining_flops(narrow, 10, 100, 2) - pretraining_flops(wide, 10, 100, 2)
    head = (768 * 128 + 128 * 30522) - (768 * 768 + 768 * 30522)
    assert difference == 6 * (10 * 768 * 128 + 2 * head)


@pytest.mark.parametrize(
    ("name", "dtype", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989e12),
        ("NVIDIA H100 80GB HBM3", "float32", 495e12),
        ("NVIDIA H100 PCIe", "bfloat16", 756e12),
        ("NVIDIA H200", "float16", 989e12),
        ("NVIDIA A100-SXM4-40GB", "bfloat16", 312e12),
        ("Tesla V100-SXM2-16GB", "float16", 125e12),
        ("Tesla V100-SXM2-16GB", "bfloat16", None),
        ("Tesla V100-SXM2-16GB", "float32", 15.7e12),
        ("NVIDIA L4", "bfloat16", 121e12),
        ("NVIDIA L40S", "bfloat16", None),
        ("Tesla T4", "float16", 65e12),
        ("NVIDIA GeForce GTX 1080", "float32", None),
        ("", "float32", None),
    ],
)
def test_the_peak_of_a_gpu_is_known_by_its_name(name, dtype, peak):
    assert flops.peak_of(name, dtype) == peak


def test_float32_without_tensor_cores_has_its_own_peak():
    assert flops.peak_of("NVIDIA A100-SXM4-40GB", "float32", tensor_float_32=False) == 19.5e12


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
def test_a_cpu_has_no_peak_that_is_known():
    assert device_peak_flops("float32") is None


@pytest.mark.parametrize("arguments", [{"total_steps": 0}, {"every": 0}, {"peak_flops": 0.0}])
def test_numbers_that_are_not_positive_are_refused(arguments):
    with pytest.raises(ValueError, match=r"must be positive\. Received"):
        TrainingProgress(**{"total_steps": 10, **arguments})


def test_other_scores_of_validation_are_shown_by_their_names():
    text = ProgressLine(4)._text(4, {"accuracy": 0.5, "val_f1": 0.25, "val_masked_lm_loss": 1.0, "val_loss": 2.0}, None)
    assert text.endswith("4/4  accuracy 50.0%  held-out loss 1.000  f1 0.250")
