"""The limit on a sequence's length holds wherever the length is known, and costs nothing where it is kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import layers


def model():
    token_ids = keras.Input((None,), dtype="int32")
    return keras.Model(token_ids, layers.TokenEmbedding(9, 4)(layers.LengthLimit(4)(token_ids)))


@pytest.mark.parametrize("length", [0, 1, 4])
def test_what_is_short_enough_passes_unchanged(length):
    inputs = np.arange(2 * length).reshape(2, length)
    np.testing.assert_array_equal(layers.LengthLimit(4)(inputs), inputs)
    assert model()(inputs).shape == (2, length, 4)


def test_a_longer_one_is_refused_by_predict_and_by_an_export(tmp_path):
    words = "longer than the max_sequence_length=4"
    exported = model()
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=words):
        exported.predict(np.zeros((1, 5), "int32"), verbose=0)
    exported.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    assert loaded.serve(np.zeros((1, 4), "int32")).shape == (1, 4, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        loaded.serve(np.zeros((1, 5), "int32"))


def test_an_input_that_is_always_too_long_is_refused_while_the_model_is_built():
    with pytest.raises(ValueError, match=r"a sequence of 5 positions. Shorten the input .*sequence_length=4"):
        layers.LengthLimit(4)(keras.Input((5,), dtype="int32"))
