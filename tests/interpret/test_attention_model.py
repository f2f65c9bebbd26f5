"""The attention and hidden states that are shown are those that the model computes with."""

import keras
import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, layers, models, ops

FAMILIES = {
    "bert": lambda: models.bert_encoder(tiny.config()),
    "albert": lambda: models.albert_encoder(
        models.AlbertConfig(
            vocabulary_size=15, embedding_dim=4, hidden_dim=8, num_heads=2, intermediate_dim=12, num_layers=3
        )
    ),
    "distilbert": lambda: models.distilbert_encoder(tiny.config(num_segments=0)),
    "electra": lambda: models.electra_encoder(tiny.config(embedding_dim=4)),
    "modernbert": lambda: models.modernbert_encoder(
        models.ModernBertConfig(
            vocabulary_size=15,
            hidden_dim=8,
            num_layers=3,
            num_heads=2,
            intermediate_dim=6,
            global_attention_every=2,
            local_window=4,
        )
    ),
}
families = pytest.mark.parametrize("build", FAMILIES.values(), ids=FAMILIES.keys())


def features(**more):
    rng = np.random.default_rng(3)
    padding_mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]], "int32")
    return {
        "token_ids": rng.integers(1, 15, padding_mask.shape).astype("int32"),
        "segment_ids": np.array([[0, 0, 0, 1, 1, 1]] * 2, "int32"),
        "padding_mask": padding_mask,
        **more,
    }


def shown(model, inputs):
    seen = interpret.attention_model(model)
    return {name: np.asarray(value) for name, value in seen({name: inputs[name] for name in seen.input}).items()}


@families
def test_rows_sum_to_one_without_padding_and_states_are_what_the_blocks_put_out(build):
    model, inputs = randomized(build()), features()
    maps = shown(model, inputs)
    real, attention, states = inputs["padding_mask"].astype(bool), maps["attention"], maps["hidden_states"]
    rows = np.moveaxis(attention, 3, 1)[real]
    np.testing.assert_allclose(rows.sum(-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(np.moveaxis(attention, 4, 1)[~real], 0.0)
    last = states[:, -1]
    if "final_norm" in [layer.name for layer in model.layers]:
        last = model.get_layer("final_norm")(last)
    np.testing.assert_allclose(last, model(inputs)["sequence_output"], atol=1e-5)
    stack = model.get_layer("encoder")
    for state, expected in zip(
        np.moveaxis(states, 1, 0)[1:], stack.hidden_states(states[:, 0], inputs["padding_mask"]), strict=True
    ):
        np.testing.assert_allclose(state, expected, atol=1e-5)


def test_the_attention_is_what_mixes_the_values():
    """From the shown probabilities alone, the first block's output is computed again."""
    model, inputs = randomized(models.bert_encoder(tiny.config())), features()
    maps = shown(model, inputs)
    block = model.get_layer("encoder").blocks[0]
    x = maps["hidden_states"][:, 0]
    value = ops.split_heads(block.attention.value(x), 2)
    context = block.attention.output_projection(ops.merge_heads(ops.attend(maps["attention"][:, 0], value)))
    y = block.attention_norm(x + context)
    np.testing.assert_allclose(
        block.feed_forward_norm(y + block.feed_forward(y)) * inputs["padding_mask"][:, :, None],
        maps["hidden_states"][:, 1],
        atol=1e-5,
    )


def test_layers_are_shared_and_nothing_of_the_model_changes():
    model = models.bert_encoder(tiny.config())
    before = [layer.name for layer in model.layers]
    seen = interpret.attention_model(model)
    assert {id(weight) for weight in seen.weights} <= {id(weight) for weight in model.weights}
    assert [layer.name for layer in model.layers] == before
    randomized(model)
    inputs = features()
    np.testing.assert_allclose(
        np.asarray(seen(inputs)["hidden_states"])[:, -1], model(inputs)["sequence_output"], rtol=0, atol=1e-6
    )


def test_heads_on_the_encoder_take_no_part():
    encoder = randomized(models.bert_encoder(tiny.config()))
    classifier = models.text_classifier(encoder, num_classes=3)
    inputs = features()
    np.testing.assert_array_equal(shown(classifier, inputs)["attention"], shown(encoder, inputs)["attention"])
    lm = models.masked_lm(encoder)
    with_positions = {**inputs, "mask_positions": np.array([[1], [2]], "int32")}
    np.testing.assert_array_equal(shown(lm, with_positions)["attention"], shown(encoder, inputs)["attention"])


def test_in_packed_rows_no_sequence_attends_to_another():
    model = randomized(models.bert_encoder(tiny.config(), packed=True))
    pack_ids = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 0, 0]], "int32")
    attention = shown(
        model,
        features(
            pack_ids=pack_ids,
            position_ids=np.array([[0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 0, 0]], "int32"),
            sequence_starts=np.array([[0, 3], [0, 2]], "int32"),
        ),
    )["attention"]
    same = (pack_ids[:, :, None] == pack_ids[:, None, :]) & (pack_ids != 0)[:, None, :]
    np.testing.assert_array_equal(np.moveaxis(attention, (1, 2), (3, 4))[~same], 0.0)
    np.testing.assert_allclose(np.moveaxis(attention, 3, 1)[pack_ids != 0].sum(-1), 1.0, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_shows_float32_probabilities(policy):
    keras.config.set_dtype_policy(policy)
    maps = shown(models.bert_encoder(tiny.config()), features())
    assert {value.dtype for value in maps.values()} == {np.dtype("float32")}
    np.testing.assert_allclose(maps["attention"].sum(-1), 1.0, atol=1e-6)


def composed_by_hand():
    """No EncoderStack, no name that is known, an implicit mask, and keras' own layers around the blocks."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(15, 8, mask_zero=True)(tokens)
    x = layers.TransformerEncoder(12, 2, name="lower")(x)
    x = keras.layers.Dense(8)(x)
    x = layers.TransformerEncoder(12, 4, normalize_first=True, name="upper")(x)
    return keras.Model(tokens, keras.layers.Dense(3)(x))


def test_blocks_composed_by_hand_are_found_with_their_implicit_mask():
    model = randomized(composed_by_hand())
    tokens = np.array([[3, 1, 4, 0, 0]], "int32")
    maps = interpret.attention_model(model)(tokens)
    attention = np.asarray(maps["attention"])
    assert attention.shape == (1, 2, 4, 5, 5)
    np.testing.assert_array_equal(attention[..., 3:], 0.0)
    np.testing.assert_allclose(attention[:, 0, :2].sum(-1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(attention[:, 0, 2:], 0.0)  # the lower block has two heads only
    np.testing.assert_allclose(attention[:, 1].sum(-1), 1.0, atol=1e-6)


def test_a_model_inside_a_model_is_entered():
    encoder = randomized(models.bert_encoder(tiny.config()))
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in encoder.input}
    outer = keras.Model(inputs, keras.layers.Dense(2)(encoder(inputs)["pooled_output"]))
    given = features()
    np.testing.assert_array_equal(shown(outer, given)["attention"], shown(encoder, given)["attention"])


def test_the_attention_model_is_saved_and_loaded(tmp_path):
    seen = interpret.attention_model(randomized(models.bert_encoder(tiny.config())))
    seen.save(tmp_path / "seen.keras")
    again = keras.models.load_model(tmp_path / "seen.keras")
    inputs = features()
    for name, value in seen(inputs).items():
        np.testing.assert_allclose(again(inputs)[name], value, atol=1e-6)


def model_of_keras_attention():
    x = keras.Input((None, 8))
    y = keras.layers.MultiHeadAttention(2, 4, name="their_attention")(x, x)
    return keras.Model(x, y)


class Hidden(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (model_of_keras_attention, r"no block .* is 'their_attention' \(MultiHeadAttention\)"),
        (Hidden, "Expected a functional model"),
    ],
)
def test_a_model_without_such_blocks_is_refused_by_name(build, message):
    with pytest.raises(ValueError, match=message):
        interpret.attention_model(build())
