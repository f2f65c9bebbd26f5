"""Packed rows: nothing lost, nothing too long, little padding, and the model computes each sequence alone."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import data, models, text
from keras_bert_layers.data.packing import pack_rows


@pytest.mark.parametrize("max_sequences", [None, 1, 3, 32])
@pytest.mark.parametrize("seed", range(3))
def test_every_sequence_stands_in_one_row_and_fits(seed, max_sequences):
    lengths = np.clip(np.random.default_rng(seed).geometric(0.05, 500), 1, 64)
    rows = pack_rows(lengths, 64, max_sequences)
    assert sorted(rows.order) == list(range(500))
    totals = np.add.reduceat(lengths[rows.order], rows.splits[:-1])
    assert totals.max() <= 64
    assert rows.fill == totals.sum() / (64 * len(rows))
    assert np.diff(rows.splits).max() <= (max_sequences or 64)


def test_best_fit_leaves_little_room():
    lengths = np.clip(np.random.default_rng(0).geometric(0.02, 5000), 3, 512)
    assert pack_rows(lengths, 512).fill > 0.99
    # What no packing can beat: all positions over the length of a row.
    assert len(pack_rows(lengths, 512)) <= 1.01 * -(-lengths.sum() // 512)


def test_of_the_open_rows_the_one_with_the_least_room_is_filled():
    rows = pack_rows([7, 5, 3, 1], 8).table(2)
    assert rows.tolist() == [[0, 3], [1, 2]]


def test_rows_keep_the_order_of_the_corpus_where_they_can():
    rows = pack_rows([2, 2, 2, 2, 8], 4 * 2)
    assert rows.table(4).tolist() == [[0, 1, 2, 3], [4, -1, -1, -1]]


def test_nothing_to_pack_gives_no_rows():
    assert len(pack_rows([], 8)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([9], 8), r"1 to 8 positions.*from 9 to 9: cut longer ones"),
        (([0, 3], 8), r"1 to 8 positions.*from 0 to 3"),
        (([3], 0), r"must be positive.*sequence_length=0"),
        (([3], 8, 0), r"must be positive.*max_sequences=0"),
    ],
)
def test_what_cannot_be_packed_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pack_rows(*arguments)


def masker(**settings):
    return text.MaskedLMMasker(tiny.tokenizer(), **settings)


CORPUS = [["good film .", "very bad"], ["the film is not good", "a film", "good ."], ["very very bad film"]]


def test_a_packed_epoch_has_every_token_once():
    batches = data.masked_lm_dataset(
        CORPUS, tiny.tokenizer(), masker(), 16, batch_size=1, epochs=1, max_sequences=4, short_sequence_probability=0.0
    )
    rows = [{name: value.numpy() for name, value in x.items()} for x, _, _ in batches]
    seen = sum(int((row["pack_ids"] > 0).sum()) for row in rows)
    expected = sum(int(tiny.tokenizer().tokenize(document).flat_values.shape[0]) + 2 for document in CORPUS)
    assert seen == expected
    assert len(rows) < len(CORPUS)


def test_features_of_a_packed_row_agree_with_each_other():
    batches = data.pretraining_dataset(
        CORPUS, tiny.tokenizer(), masker(), 32, batch_size=1, epochs=1, max_sequences=4, drop_remainder=False
    )
    for x, y, sample_weight in batches:
        x = {name: value.numpy()[0] for name, value in x.items()}
        starts = x["sequence_starts"][x["sequence_starts"] >= 0]
        np.testing.assert_array_equal(x["token_ids"][starts], 2)
        np.testing.assert_array_equal(x["position_ids"][starts], 0)
        np.testing.assert_array_equal(np.flatnonzero((x["position_ids"] == 0) & (x["pack_ids"] > 0)), starts)
        np.testing.assert_array_equal(x["pack_ids"] > 0, x["padding_mask"] == 1)
        assert x["pack_ids"].max() == len(starts)
        assert y["next_sentence"].shape == sample_weight["next_sentence"].shape == (1, 4)
        assert sample_weight["next_sentence"].numpy().sum() == len(starts)


def test_packed_and_unpacked_models_agree_on_the_same_sequences():
    config = tiny.config(max_sequence_length=32)
    packed = randomized(models.bert_pretrainer(models.bert_encoder(config, packed=True)))
    alone = models.bert_pretrainer(models.bert_encoder(config))
    alone.set_weights(packed.get_weights())
    x, _, _ = next(
        iter(data.pretraining_dataset(CORPUS, tiny.tokenizer(), masker(), 32, batch_size=1, epochs=1, max_sequences=4))
    )
    outputs = packed(x)
    row = {name: value.numpy()[0] for name, value in x.items()}
    for number in range(1, row["pack_ids"].max() + 1):
        here = np.flatnonzero(row["pack_ids"] == number)
        masked = [m for m in range(len(row["mask_positions"])) if row["mask_positions"][m] in here]
        single = alone(
            {
                "token_ids": row["token_ids"][None, here],
                "segment_ids": row["segment_ids"][None, here],
                "padding_mask": np.ones((1, len(here)), "int32"),
                "mask_positions": (row["mask_positions"][masked] - here[0])[None].astype("int32"),
            }
        )
        np.testing.assert_allclose(outputs["masked_lm"][0].numpy()[masked], single["masked_lm"][0], atol=1e-5)
        np.testing.assert_allclose(outputs["next_sentence"][0, number - 1], single["next_sentence"][0], atol=1e-5)


def test_a_model_trains_on_packed_rows():
    model = models.bert_pretrainer(models.bert_encoder(tiny.config(), packed=True))
    from keras_bert_layers import training

    model.compile("adam", loss={"masked_lm": training.MaskedLMLoss(), "next_sentence": training.NextSentenceLoss()})
    dataset = data.pretraining_dataset(CORPUS * 4, tiny.tokenizer(), masker(), 16, batch_size=2, max_sequences=3)
    history = model.fit(dataset, steps_per_epoch=2, epochs=1, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"][0])


def test_packed_rows_are_padded_to_their_length_only():
    with pytest.raises(ValueError, match=r'need padding="max"'):
        data.masked_lm_dataset(CORPUS, tiny.tokenizer(), masker(), 16, 1, max_sequences=4, padding="longest")


@pytest.mark.parametrize("make", [data.pretraining_dataset, data.masked_lm_dataset])
@pytest.mark.parametrize("start_step", [0, 1, 3, 5, 7])
def test_a_run_goes_on_at_a_step(make, start_step):
    def dataset(**settings):
        return make(CORPUS * 2, tiny.tokenizer(), masker(), 16, batch_size=2, epochs=4, **settings)

    whole = list(dataset())
    rest = list(dataset(start_step=start_step))
    assert len(dataset(start_step=start_step)) == len(rest) == len(whole) - start_step
    for expected, batch in zip(whole[start_step:], rest, strict=True):
        for one, other in zip(keras.tree.flatten(expected), keras.tree.flatten(batch), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_start_behind_the_end_is_an_error():
    with pytest.raises(ValueError, match=r"`start_step` is 1000.*raise `epochs`"):
        data.masked_lm_dataset(CORPUS, tiny.tokenizer(), masker(), 16, 1, epochs=2, start_step=1000)
