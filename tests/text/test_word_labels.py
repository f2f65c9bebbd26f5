"""Labels of words at their tokens, predictions of tokens for their words, and the loss between the two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.text import token_labels, word_predictions

WORD_IDS = tf.constant([[-1, 0, 0, 1, 3, 3, 3, -1], [-1, 0, -1, -1, -1, -1, -1, -1], [-1] * 8])
LABELS = tf.ragged.constant([[4, 5, 6, 7, 8], [9], []], dtype=tf.int32)


@pytest.mark.parametrize(
    ("arguments", "labels", "weights"),
    [
        ({}, [[0, 4, 0, 5, 7, 0, 0, 0], [0, 9, 0, 0, 0, 0, 0, 0], [0] * 8], [2 + 1, 1, 0]),
        ({"pieces": "all"}, [[0, 4, 4, 5, 7, 7, 7, 0], [0, 9, 0, 0, 0, 0, 0, 0], [0] * 8], [6, 1, 0]),
        (
            {"pieces": "all", "continuation": [0, 1, 2, 3, 1, 5, 6, 2, 8, 9]},
            [[0, 4, 1, 5, 7, 2, 2, 0], [0, 9, 0, 0, 0, 0, 0, 0], [0] * 8],
            [6, 1, 0],
        ),
    ],
    ids=["first", "all", "all, going on"],
)
def test_labels_stand_at_the_pieces_that_count(arguments, labels, weights):
    got, counted = token_labels(LABELS, WORD_IDS, **arguments)
    assert got.numpy().tolist() == labels
    assert counted.numpy().sum(axis=1).tolist() == weights


def test_words_have_the_prediction_of_their_first_piece():
    classes = tf.constant([[9, 1, 2, 3, 4, 5, 6, 9], [9, 7, 9, 9, 9, 9, 9, 9], [9] * 8])
    words = word_predictions(classes, WORD_IDS, LABELS.row_lengths())
    assert words.to_list() == [[1, 3, -1, 4, -1], [7], []]
    assert word_predictions(tf.one_hot(classes, 10), WORD_IDS, LABELS.row_lengths()).to_list() == words.to_list()


def test_predictions_of_labels_are_the_labels():
    labels, _ = token_labels(LABELS, WORD_IDS)
    assert word_predictions(labels, WORD_IDS, LABELS.row_lengths()).to_list() == [[4, 5, -1, 7, -1], [9], []]


def test_both_work_in_a_graph_of_unknown_shapes():
    signature = [
        tf.RaggedTensorSpec([None, None], tf.int32),
        tf.TensorSpec([None, None], tf.int32),
    ]

    @tf.function(input_signature=signature)
    def there_and_back(labels, word_ids):
        return word_predictions(token_labels(labels, word_ids)[0], word_ids, labels.row_lengths())

    assert there_and_back(LABELS, WORD_IDS).to_list() == [[4, 5, -1, 7, -1], [9], []]
    assert there_and_back(LABELS[:0], WORD_IDS[:0]).to_list() == []


def test_the_loss_of_fit_is_the_mean_over_the_labelled_tokens():
    # Hugging Face's loss: the cross-entropy of the labelled tokens of a batch, divided by their number alone.
    logits = np.random.default_rng(0).normal(size=(3, 8, 10)).astype("float32")
    labels, weights = (array.numpy() for array in token_labels(LABELS, WORD_IDS))
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    picked = np.take_along_axis(log_probabilities, labels[..., np.newaxis], axis=-1)[..., 0]
    expected = -picked[weights > 0].mean()

    inputs = keras.Input((8, 10))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    )
    loss = model.evaluate(logits, labels, sample_weight=weights, batch_size=3, verbose=0)
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"pieces": "last"}, "`pieces` must be one of"), ({"continuation": [0]}, 'count with pieces="all" only')],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        token_labels(LABELS, WORD_IDS, **arguments)
