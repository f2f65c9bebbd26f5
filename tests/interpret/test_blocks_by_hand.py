"""What is shown of blocks that are called one by one without padding is what is shown of the same blocks in a stack."""

import keras
import numpy as np
import pytest
from parity_weights import randomized

from keras_bert_layers import interpret, layers

RNG = np.random.default_rng(0)
# The first token is always real: at padding, only blocks without padding give zeros.
FEATURES = {
    "token_ids": RNG.integers(0, 20, size=(3, 5)).astype("int32"),
    "padding_mask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 1, 0, 1]], "int32"),
}


def classifier(by_hand, dtype=None):
    """The first token of two blocks, classified, with a layer that is none of ours between the blocks."""
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in FEATURES}
    mask = inputs["padding_mask"]
    x = layers.BertEmbeddings(20, 8, max_sequence_length=7, dtype=dtype)(inputs["token_ids"])
    blocks = [layers.TransformerEncoder(12, 2, dtype=dtype) for _ in range(2)]
    if by_hand:
        x, layout = layers.Unpad(dtype=dtype)(x, padding_mask=mask)
        for block in blocks:
            x = keras.layers.Rescaling(1.5, dtype=dtype)(block(x, layout=layout))
        x = layers.Repad(dtype=dtype)(x, layout)
    else:
        for block in blocks:
            x = keras.layers.Rescaling(1.5, dtype=dtype)(block(x, padding_mask=mask))
    return keras.Model(inputs, layers.ClassificationHead(3)(layers.Pooling("cls")(x)))


@pytest.fixture
def pair():
    one, other = classifier(by_hand=True), classifier(by_hand=False)
    other.set_weights(randomized(one).get_weights())
    return one, other


def test_attention_and_hidden_states_are_those_with_padding(pair):
    one, other = (interpret.attention_model(model)(FEATURES) for model in pair)
    assert one["attention"].shape == (3, 2, 2, 5, 5)
    assert one["hidden_states"].shape == (3, 3, 5, 8)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=1e-5)


def test_a_model_from_a_file_shows_the_same(pair, tmp_path):
    pair[0].save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    one, other = (interpret.attention_model(model)(FEATURES) for model in (again, pair[0]))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_heads_are_worth_the_same(pair):
    batches = [(FEATURES, np.array([0, 1, 2]))]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    one, other = (interpret.head_importance(model, batches, loss) for model in pair)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert np.max(one) > 0


def test_such_a_model_in_half_precision_is_shown():
    model = classifier(by_hand=True, dtype="mixed_bfloat16")
    shown = interpret.attention_model(model)(FEATURES)
    np.testing.assert_allclose(np.asarray(shown["attention"])[1].sum(-1), 1.0, atol=1e-5)
