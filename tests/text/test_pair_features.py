"""Features of pairs: each text packed alone, side by side with its partner, and numbers that tell equal texts."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import data, text

FIRST = ["a film", "the film is very good .", "a film"]
SECOND = ["a film .", "bad", "good"]
THIRD = ["bad", "", "a film"]


@pytest.mark.parametrize("texts", [(FIRST, SECOND), (FIRST, SECOND, THIRD)])
def test_each_text_has_the_features_that_it_has_alone(texts):
    features, _ = text.pair_features(tiny.preprocessor(), texts)
    for column, batch in enumerate(texts):
        for row, alone in enumerate(batch):
            for name, expected in tiny.preprocessor()(alone).items():
                found = features[name].numpy()[row, column]
                np.testing.assert_array_equal(found[: len(expected)], expected)
                assert not found[len(expected) :].any()


def test_numbers_are_the_same_where_the_texts_are():
    _, numbers = text.pair_features(tiny.preprocessor(), (FIRST, SECOND, THIRD))
    flat, texts = numbers.numpy().T.ravel(), [*FIRST, *SECOND, *THIRD]
    assert [[one == other for other in flat] for one in flat] == [[one == other for other in texts] for one in texts]


def test_in_a_graph_the_number_of_texts_is_static():
    prepare = lambda *texts: text.pair_features(tiny.preprocessor(), texts)  # noqa: E731
    batches = data.bucketed_dataset((np.array(FIRST), np.array(SECOND)), prepare, [3, 2, 1], batch_size=2)
    features, numbers = batches.element_spec
    assert features["token_ids"].shape.as_list() == [None, 2, None]
    assert numbers.shape.as_list() == [None, 2]
    fixed = tf.data.Dataset.from_tensors((FIRST, SECOND)).map(
        lambda *texts: text.pair_features(tiny.preprocessor(padding="max"), texts)
    )
    assert fixed.element_spec[0]["padding_mask"].shape.as_list() == [None, 2, 16]


@pytest.mark.parametrize("texts", [(FIRST,), "ab"])
def test_fewer_than_two_texts_are_refused(texts):
    with pytest.raises(ValueError, match="must be two batches of strings or more"):
        text.pair_features(tiny.preprocessor(), texts)
