"""The masked-LM head: one matrix with the embedding, before and after a file, and silent padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from parity_weights import randomized

from keras_bert_layers import layers

VOCABULARY, WIDTH = 11, 8
X = np.random.default_rng(0).normal(size=(2, 5, WIDTH)).astype("float32")
TOKENS = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]], "int32")
POSITIONS = np.array([[0, 4], [2, -1]], "int32")
TARGETS = np.array([[7, 8], [1, 0]], "int32")


def symbols():
    return keras.Input((None,), dtype="int32", name="token_ids"), keras.Input((None,), dtype="int32", name="positions")


def with_bert_embeddings(width=None):
    tokens, positions = symbols()
    embeddings = layers.BertEmbeddings(VOCABULARY, WIDTH, max_sequence_length=6, embedding_dim=width, name="embeddings")
    x = layers.TransformerEncoder(12, 2)(embeddings(tokens))
    head = layers.MaskedLMHead(token_embedding=embeddings.token_embedding, name="head")
    return keras.Model([tokens, positions], head(x, mask_positions=positions))


def with_token_embedding():
    tokens, positions = symbols()
    embedding = layers.TokenEmbedding(VOCABULARY, WIDTH, name="embeddings")
    x = layers.TransformerEncoder(12, 2)(embedding(tokens))
    head = layers.MaskedLMHead(VOCABULARY, token_embedding=embedding, name="head")
    return keras.Model([tokens, positions], head(x, mask_positions=positions))


TIED = {
    "bert_embeddings": with_bert_embeddings,
    "factorised": lambda: with_bert_embeddings(width=3),
    "token_embedding": with_token_embedding,
}
tied = pytest.mark.parametrize("build", TIED.values(), ids=TIED.keys())


def matrices(model):
    """The matrix that the embedding reads and the one that the head reads."""
    embeddings = model.get_layer("embeddings")
    read = getattr(embeddings, "token_embedding", embeddings).embeddings
    return read, model.get_layer("head").output_embedding.embeddings


def assert_tied(model):
    read, written = matrices(model)
    assert read is written
    assert sum(weight is read for weight in model.trainable_variables) == 1
    assert sum(weight.shape[0] == VOCABULARY and len(weight.shape) == 2 for weight in model.weights) == 1


def trained(model):
    """One step, whose gradient comes from both uses of the matrix."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=True)
    model.fit([TOKENS, POSITIONS], TARGETS, verbose=0)
    return model


@tied
def test_the_tied_matrix_is_one_variable_counted_once(build):
    assert_tied(build())


@tied
def test_the_tie_survives_a_keras_file_and_training_after_it(build, tmp_path):
    model = randomized(build())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_tied(again)
    np.testing.assert_allclose(again([TOKENS, POSITIONS]), model([TOKENS, POSITIONS]), rtol=0, atol=1e-5)
    trained(model), trained(again)
    assert_tied(again)
    np.testing.assert_allclose(matrices(again)[1], matrices(model)[0], rtol=0, atol=1e-5)
    again.save(tmp_path / "again.keras")
    third = keras.models.load_model(tmp_path / "again.keras")
    assert_tied(third)
    np.testing.assert_allclose(third([TOKENS, POSITIONS]), again([TOKENS, POSITIONS]), rtol=0, atol=1e-5)


@tied
def test_the_gradient_of_the_tied_matrix_is_the_sum_over_its_two_uses(build):
    model = randomized(build(), scale=0.3)
    read, _ = matrices(model)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(model([TOKENS, POSITIONS])))
    both = tf.convert_to_tensor(tape.gradient(loss, read.value)).numpy()
    # Row 10 is never read by the embedding, so its gradient is the head's; the rows that are read have more.
    assert np.abs(both[10]).max() > 1e-6
    assert np.abs(both[TOKENS[0]]).min(axis=1).max() > 1e-6


@tied
def test_freezing_the_embedding_freezes_the_matrix_in_the_head(build):
    model = build()
    model.get_layer("embeddings").trainable = False
    assert all(weight is not matrices(model)[1] for weight in model.trainable_variables)


def test_an_untied_head_has_a_matrix_of_its_own():
    head = layers.MaskedLMHead(VOCABULARY)
    head(X, POSITIONS)
    assert head.output_embedding.embeddings.shape == (VOCABULARY, WIDTH)
    assert sum(weight is head.output_embedding.embeddings for weight in head.trainable_variables) == 1


@pytest.mark.parametrize("untied", [True, False], ids=["untied", "tied"])
def test_padded_positions_send_no_gradient_to_the_sequence_or_the_transform(untied):
    head = (
        layers.MaskedLMHead(VOCABULARY)
        if untied
        else layers.MaskedLMHead(token_embedding=layers.TokenEmbedding(VOCABULARY, WIDTH))
    )
    padding = np.full((2, 3), -1, "int32")
    head(X, padding)
    randomized(head)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.sin(head(x, padding)))
    weights = [weight for weight in head.trainable_variables if weight is not head.output_bias]
    for gradient in tape.gradient(loss, [x, *(weight.value for weight in weights)]):
        np.testing.assert_array_equal(tf.convert_to_tensor(gradient), np.zeros(gradient.shape))


def test_real_positions_have_the_same_gradient_beside_padding_as_without_it():
    head = layers.MaskedLMHead(VOCABULARY)
    head(X, POSITIONS)
    randomized(head)

    def gradient(positions):
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            scores = head(x, positions)
            real = tf.cast(positions >= 0, tf.float32)[:, :, None]
            loss = tf.reduce_sum(tf.sin(scores) * real)
        return tf.convert_to_tensor(tape.gradient(loss, x)).numpy()

    padded = gradient(np.array([[0, -1, 4, -1], [2, 1, -1, -1]], "int32"))
    np.testing.assert_allclose(padded, gradient(np.array([[0, 4], [2, 1]], "int32")), rtol=0, atol=1e-6)
    assert (padded[0, [1, 2, 3]] == 0).all()
    assert np.abs(padded[0, [0, 4]]).min(axis=1).max() > 1e-4


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_tied_scores_are_computed_in_the_compute_dtype(policy):
    keras.config.set_dtype_policy(policy)
    model = with_bert_embeddings()
    assert keras.backend.standardize_dtype(model([TOKENS, POSITIONS]).dtype) == policy.removeprefix("mixed_")
    assert_tied(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs `token_embedding`, to share its matrix, or `vocabulary_size`.*Received neither"),
        ({"vocabulary_size": 0}, "must be a positive integer. Received: 0"),
        (
            {"vocabulary_size": 12, "token_embedding": layers.TokenEmbedding(11, 4)},
            "must be that of `token_embedding`, 11, or be left out. Received: 12",
        ),
    ],
)
def test_sizes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.MaskedLMHead(**arguments)


def test_without_biases_and_offset_only_kernels_are_left_and_padding_scores_nothing():
    norm = layers.LayerNormalization(1e-5, center=False)
    head = layers.MaskedLMHead(VOCABULARY, use_bias=False, use_output_bias=False, norm=norm)
    head(X, mask_positions=POSITIONS)
    randomized(head)
    assert {weight.path.rsplit("/", 1)[1] for weight in head.weights} == {"kernel", "gamma", "embeddings"}
    scores = head(X, mask_positions=POSITIONS)
    np.testing.assert_array_equal(scores[1, 1], np.zeros(VOCABULARY))
    hidden = np.asarray(keras.activations.gelu(X[0, 4] @ np.asarray(head.transform.kernel), approximate=False))
    centred = hidden - np.mean(hidden)
    normalized = centred / np.sqrt(np.mean(np.square(centred)) + 1e-5) * np.asarray(norm.gamma)
    np.testing.assert_allclose(scores[0, 1], normalized @ np.asarray(head.output_embedding.embeddings).T, atol=1e-5)


def test_padded_predictions_are_not_multiplied_and_nothing_else_changes():
    rows, results = [], {}

    class Counting(layers.TokenEmbedding):
        def call(self, inputs, reverse=False):
            rows.append(tuple(inputs.shape))
            return super().call(inputs, reverse=reverse)

    head = layers.MaskedLMHead(token_embedding=Counting(VOCABULARY, WIDTH))
    head(X, POSITIONS)
    randomized(head)
    positions = np.array([[0, -1, 4], [-1, -1, 2]], "int32")
    for name, batch in {"real": None, "all": 2}.items():

        @tf.function(input_signature=[tf.TensorSpec((batch, 5, WIDTH)), tf.TensorSpec((batch, 3), tf.int32)])
        def step(x, positions):
            with tf.GradientTape() as tape:
                tape.watch(x)
                scores = head(x, positions)
                loss = tf.reduce_sum(tf.sin(scores))
            weights = [weight.value for weight in head.trainable_variables]
            return [scores, *map(tf.convert_to_tensor, tape.gradient(loss, [x, *weights]))]

        rows.clear()
        results[name] = step(X, positions)
        assert set(rows) == {"real": {(None, WIDTH)}, "all": {(2, 3, WIDTH)}}[name]
    for real, everything in zip(*results.values(), strict=True):
        np.testing.assert_allclose(real, everything, rtol=0, atol=1e-6)
    rows.clear()
    head(X, positions)
    assert rows == [(3, WIDTH)]
