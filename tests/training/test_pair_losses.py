"""Losses on pairs of texts: against sums written out in NumPy, PyTorch's cross-entropy, and their promises."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers import models
from keras_bert_layers.training import ContrastiveLoss, CosentLoss, CosineScoreLoss

RNG = np.random.default_rng(0)
TRIPLES = RNG.normal(size=(5, 3, 4)).astype("float32")
PAIRS = TRIPLES[:, :2]
DISTINCT = np.arange(15).reshape(5, 3)
SCORES = np.array([0.2, 1.0, 0.2, 0.6, -0.4], "float32")
LOSSES = {
    "contrastive": (lambda: ContrastiveLoss(symmetric=True), DISTINCT[:, :2]),
    "cosine": (CosineScoreLoss, SCORES),
    "cosent": (CosentLoss, SCORES),
}
losses = pytest.mark.parametrize(("build", "labels"), LOSSES.values(), ids=LOSSES)


def cosine(one, other):
    return np.dot(np.float64(one), np.float64(other)) / np.linalg.norm(one) / np.linalg.norm(other)


def contrastive(vectors, numbers, scale):
    """The mean over the anchors, one candidate at a time."""
    found = []
    for i, (anchor, positive, *_) in enumerate(vectors):
        total = np.exp(scale * cosine(anchor, positive))
        for j in range(len(vectors)):
            for text in range(1, vectors.shape[1]):
                number = numbers[j, text]
                known = number in numbers[i, :2] or (text == 1 and numbers[j, 0] == numbers[i, 0])
                if not (known or (i == j and text == 1)):
                    total += np.exp(scale * cosine(anchor, vectors[j, text]))
        found.append(np.log(total) - scale * cosine(anchor, positive))
    return np.mean(found)


REPEATED = {
    "distinct": DISTINCT,
    "one positive twice": np.where(DISTINCT == 4, 1, DISTINCT),
    "one anchor twice": np.where(DISTINCT == 3, 0, DISTINCT),
    "an anchor is another's positive": np.where(DISTINCT == 4, 0, DISTINCT),
    "an anchor is its own positive": np.where(DISTINCT == 1, 0, DISTINCT),
    "a hard negative is a positive": np.where(DISTINCT == 5, 1, DISTINCT),
    "all are one text": DISTINCT * 0,
}


@pytest.mark.parametrize("numbers", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("texts", [2, 3])
def test_the_contrastive_loss_is_the_cross_entropy_over_all_that_is_not_known_to_be_positive(texts, numbers):
    loss = ContrastiveLoss(scale=3.0)(numbers[:, :texts], TRIPLES[:, :texts])
    np.testing.assert_allclose(loss, contrastive(TRIPLES[:, :texts], numbers[:, :texts], 3.0), rtol=1e-5, atol=1e-6)


def test_both_directions_are_the_mean_of_the_loss_and_of_that_with_the_sides_exchanged():
    numbers = REPEATED["one positive twice"][:, :2]
    forward, backward = contrastive(PAIRS, numbers, 20), contrastive(PAIRS[:, ::-1], numbers[:, ::-1], 20)
    np.testing.assert_allclose(ContrastiveLoss(symmetric=True)(numbers, PAIRS), (forward + backward) / 2, rtol=1e-5)


@pytest.mark.parametrize("symmetric", [False, True])
def test_loss_and_gradient_are_those_of_pytorchs_cross_entropy(symmetric):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[parity]'")
    theirs = torch.tensor(TRIPLES, requires_grad=True)
    unit = torch.nn.functional.normalize(theirs, dim=-1)
    anchors, candidates = unit[:, 0], torch.cat([unit[:, 1], unit[:, 2]])
    expected = torch.nn.functional.cross_entropy(20 * anchors @ candidates.T, torch.arange(5))
    if symmetric:
        back = torch.nn.functional.cross_entropy(20 * unit[:, 1] @ anchors.T, torch.arange(5))
        expected = (expected + back) / 2
    expected.backward()
    ours = tf.Variable(TRIPLES)
    with tf.GradientTape() as tape:
        loss = ContrastiveLoss(symmetric=symmetric)(DISTINCT, ours)
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(loss, ours), theirs.grad, rtol=1e-4, atol=1e-6)


def test_examples_are_weighed_as_anchors():
    weights = np.array([1, 0, 2, 0, 0], "float32")
    each = ContrastiveLoss(reduction="none")(DISTINCT, TRIPLES)
    weighed = ContrastiveLoss(reduction="sum")(DISTINCT, TRIPLES, weights)
    np.testing.assert_allclose(weighed, each[0] + 2 * each[2], rtol=1e-6)


def test_the_cosine_loss_is_the_squared_error_of_the_cosine():
    expected = np.mean([(cosine(*pair) - score) ** 2 for pair, score in zip(PAIRS, SCORES, strict=True)])
    np.testing.assert_allclose(CosineScoreLoss()(SCORES, PAIRS), expected, rtol=1e-5)
    np.testing.assert_allclose(CosineScoreLoss()(SCORES[:, None], PAIRS), expected, rtol=1e-5)


def test_the_cosent_loss_is_a_sum_over_all_two_pairs_of_different_scores():
    cosines = [cosine(*pair) for pair in PAIRS]
    terms = [np.exp(20 * (cosines[j] - cosines[i])) for i in range(5) for j in range(5) if SCORES[i] > SCORES[j]]
    assert len(terms) == 9  # of ten two pairs, one has equal scores
    np.testing.assert_allclose(CosentLoss()(SCORES, PAIRS), np.log(1 + sum(terms)), rtol=1e-5)
    np.testing.assert_allclose(CosentLoss()(5 * SCORES + 1, PAIRS), np.log(1 + sum(terms)), rtol=1e-5)


@losses
def test_the_length_of_vectors_is_of_no_matter(build, labels):
    lengths = np.linspace(0.1, 5, 10, dtype="float32").reshape(5, 2, 1)
    np.testing.assert_allclose(build()(labels, PAIRS * lengths), build()(labels, PAIRS), rtol=1e-5)


@losses
def test_gradients_are_finite_also_at_zero_vectors_and_in_a_batch_of_one(build, labels):
    for vectors in (PAIRS * np.array([1, 0, 1, 1, 1])[:, None, None].astype("float32"), PAIRS[:1]):
        variable = tf.Variable(vectors)
        with tf.GradientTape() as tape:
            loss = build()(labels[: len(vectors)], variable)
        assert np.isfinite(tape.gradient(loss, variable)).all()


@pytest.mark.parametrize("build", [ContrastiveLoss, CosentLoss])
def test_one_pair_alone_has_nothing_to_be_compared_with(build):
    assert float(build()(np.array([[0, 1]]) if build is ContrastiveLoss else SCORES[:1], PAIRS[:1])) == 0


@losses
def test_half_precision_vectors_lose_no_more_than_their_rounding(build, labels):
    rounded = tf.cast(PAIRS, "bfloat16")
    loss = build()(labels, rounded)
    assert loss.dtype == "float32"
    np.testing.assert_allclose(loss, build()(labels, tf.cast(rounded, "float32")), rtol=1e-5)


@losses
def test_its_settings_are_in_the_config(build, labels):
    loss = build()
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert float(again(labels, PAIRS)) == float(loss(labels, PAIRS))


@losses
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fit_lowers_it_on_batches_of_which_the_last_is_smaller(build, labels, policy):
    keras.config.set_dtype_policy(policy)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    vectors = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(15, 8)(token_ids))
    model = models.pair_embedder(keras.Model({"token_ids": token_ids}, vectors))
    model.compile(keras.optimizers.Adam(0.01), build(), jit_compile=False)
    features = {"token_ids": RNG.integers(5, 15, (5, 2, 6)).astype("int32")}
    history = model.fit(features, labels, batch_size=3, epochs=5, verbose=0, shuffle=False).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


@losses
def test_compiled_it_gives_the_same(build, labels):
    compiled = tf.function(build(), jit_compile=True)
    np.testing.assert_allclose(compiled(labels, PAIRS), build()(labels, PAIRS), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ContrastiveLoss(scale=0), "`scale` must be positive"),
        (lambda: CosentLoss(scale=-1), "`scale` must be positive"),
        (lambda: ContrastiveLoss()(DISTINCT, PAIRS[:, 0]), "takes y_pred"),
        (lambda: ContrastiveLoss()(SCORES, PAIRS), "a number for each text"),
        (lambda: CosineScoreLoss()(SCORES, TRIPLES), "expected \\[B, 2, H\\]"),
        (lambda: CosentLoss()(SCORES, PAIRS[:, 0]), "expected \\[B, 2, H\\]"),
        (lambda: CosentLoss()(SCORES, PAIRS, SCORES), "takes no weights"),
    ],
)
def test_a_bad_input_is_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
