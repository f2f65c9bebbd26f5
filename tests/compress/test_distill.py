"""Distillation: the loss against one written in NumPy, padding and weights, and what becomes of the student."""

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import compress, convert, models

TEACHER = tiny.config(num_layers=4, dropout=0.0, attention_dropout=0.0)
RNG = np.random.default_rng(0)
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], "int32")
IDS = RNG.integers(5, 15, MASK.shape).astype("int32") * MASK
FEATURES = {"token_ids": IDS, "segment_ids": 0 * IDS, "padding_mask": MASK}
CLASSES, TAGS = np.array([0, 2, 1]), RNG.integers(0, 3, MASK.shape)


def spread(model, scale=0.3):
    """Gives the matrices larger values, so that predictions differ."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(size=weight.shape, scale=scale))
    return model


def classifier(config=TEACHER):
    return spread(models.text_classifier(models.bert_encoder(config), num_classes=3, dropout=0.0))


def tagger():
    return spread(models.token_classifier(models.bert_encoder(TEACHER, pooler=False), num_classes=3, dropout=0.0))


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def loss_of(distiller, targets, sample_weight=None, features=FEATURES):
    distiller.compile("sgd", cross_entropy(), run_eagerly=True)
    return distiller.test_on_batch(features, targets, sample_weight, return_dict=True)["loss"]


def log_softmax(logits):
    logits = np.asarray(logits, "float64")
    return (
        logits
        - np.log(np.sum(np.exp(logits - logits.max(-1, keepdims=True)), -1, keepdims=True))
        - logits.max(-1, keepdims=True)
    )


def divergence(teacher, student, temperature):
    theirs, ours = log_softmax(np.array(teacher) / temperature), log_softmax(np.array(student) / temperature)
    return temperature**2 * np.sum(np.exp(theirs) * (theirs - ours), -1)


def states_of(model):
    """By the layers' own method, not by the wiring of the distiller."""
    x = model.get_layer("embeddings")(FEATURES["token_ids"], segment_ids=FEATURES["segment_ids"])
    return [np.array(state) for state in model.get_layer("encoder").hidden_states(x, padding_mask=MASK)]


def mean(values, weights):
    return np.sum(values * weights) / np.sum(weights)


@pytest.mark.parametrize("sample_weight", [None, np.array([1.0, 3.0, 0.0])])
def test_the_loss_is_that_of_numpy(sample_weight):
    teacher = classifier()
    student = compress.student_of(teacher)
    distiller = compress.distill(teacher, student, temperature=3.0, hidden_weight=0.7, label_weight=0.4)
    weights = np.ones(3) if sample_weight is None else sample_weight
    ours, theirs = (np.array(model(FEATURES)) for model in (student, teacher))
    labels = np.sum(-log_softmax(ours)[np.arange(3), CLASSES] * weights) / 3
    kl = mean(divergence(theirs, ours, 3.0), weights)
    # Two of four layers: the student's learn from the second and the last.
    pairs = zip(states_of(student), states_of(teacher)[1::2], strict=True)
    hidden = np.mean([mean(np.mean((one - other) ** 2, -1), MASK * weights[:, None]) for one, other in pairs])
    expected = 0.4 * labels + 0.6 * (kl + 0.7 * hidden)
    assert min(kl, hidden) > 1e-3
    np.testing.assert_allclose(loss_of(distiller, CLASSES, sample_weight), expected, rtol=1e-4)


def test_padding_does_not_count_at_positions():
    teacher = tagger()
    student = compress.student_of(teacher)
    distiller = compress.distill(teacher, student, hidden=False, label_weight=0.0)
    expected = mean(divergence(teacher(FEATURES), student(FEATURES), 2.0), MASK)
    unmasked = np.mean(divergence(teacher(FEATURES), student(FEATURES), 2.0))
    assert abs(expected - unmasked) > 1e-3
    np.testing.assert_allclose(loss_of(distiller, TAGS), expected, rtol=1e-4)


@pytest.mark.parametrize("hidden", [False, True])
def test_what_stands_in_padding_changes_nothing(hidden):
    teacher = tagger()
    distiller = compress.distill(teacher, compress.student_of(teacher), hidden=hidden, label_weight=0.0)
    other = {**FEATURES, "token_ids": np.where(MASK == 1, IDS, 7).astype("int32")}
    np.testing.assert_allclose(
        loss_of(distiller, TAGS, features=other), loss_of(distiller, TAGS, features=FEATURES), rtol=1e-5
    )


def test_weights_of_positions_choose_the_positions():
    teacher = tagger()
    student = compress.student_of(teacher)
    distiller = compress.distill(teacher, student, hidden=False, label_weight=0.0)
    first = np.zeros(MASK.shape)
    first[:, 0] = 1
    expected = np.mean(divergence(teacher(FEATURES), student(FEATURES), 2.0)[:, 0])
    np.testing.assert_allclose(loss_of(distiller, TAGS, first), expected, rtol=1e-4)


def test_masked_positions_count_for_a_masked_lm():
    teacher = spread(models.masked_lm(models.bert_encoder(TEACHER, pooler=False)))
    student = compress.student_of(teacher)
    positions = np.array([[1, 2], [1, -1], [-1, -1]], "int32")
    features = {**FEATURES, "mask_positions": positions}
    distiller = compress.distill(teacher, student, hidden=False, label_weight=0.0)
    expected = mean(divergence(teacher(features), student(features), 2.0), positions >= 0)
    np.testing.assert_allclose(loss_of(distiller, np.zeros((3, 2)), features=features), expected, rtol=1e-4)


def test_start_and_end_of_answers_are_two_distributions():
    teacher = spread(models.span_predictor(models.bert_encoder(TEACHER, pooler=False)))
    student = compress.student_of(teacher)
    distiller = compress.distill(teacher, student, hidden=False, label_weight=0.0)
    distiller.compile("sgd", run_eagerly=True)
    loss = distiller.test_on_batch(FEATURES, {"start": CLASSES, "end": CLASSES}, return_dict=True)["loss"]
    theirs, ours = teacher(FEATURES), student(FEATURES)
    expected = sum(np.mean(divergence(theirs[name], ours[name], 2.0)) for name in ("start", "end"))
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def test_vectors_learn_by_their_difference():
    teacher = spread(models.text_embedder(models.bert_encoder(TEACHER, pooler=False)))
    student = compress.student_of(teacher)
    distiller = compress.distill(teacher, student, logits="mse", hidden=False, label_weight=0.0)
    distiller.compile("sgd", run_eagerly=True)
    expected = np.mean((np.array(teacher(FEATURES)) - np.array(student(FEATURES))) ** 2)
    # Without labels.
    np.testing.assert_allclose(distiller.test_on_batch(FEATURES, return_dict=True)["loss"], expected, rtol=1e-4)


@pytest.fixture(scope="module")
def trained():
    """A student that has learnt from the teacher alone, and the divergence before and after, in a compiled `fit`."""
    keras.utils.set_random_seed(0)
    teacher = classifier()
    student = compress.student_of(teacher)
    before = np.mean(divergence(teacher(FEATURES), student(FEATURES), 2.0))
    distiller = compress.distill(teacher, student, label_weight=0.0)
    distiller.compile(keras.optimizers.Adam(1e-2), cross_entropy(), metrics=["accuracy"])
    teachers_weights = teacher.get_weights()
    history = distiller.fit(FEATURES, np.argmax(teacher(FEATURES), -1), epochs=60, verbose=0)
    after = np.mean(divergence(teacher(FEATURES), student(FEATURES), 2.0))
    return teacher, student, distiller, history.history, before, after, teachers_weights


def test_a_student_comes_nearer_to_its_teacher(trained):
    _, _, _, history, before, after, _ = trained
    assert after < 0.3 * before
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] == 1.0


def test_the_teacher_stays_as_it_is(trained):
    teacher, *_, weights = trained
    for before, after in zip(weights, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_predictions_of_the_distiller_are_the_students(trained):
    _, student, distiller, *_ = trained
    np.testing.assert_allclose(distiller.predict(FEATURES, verbose=0), student(FEATURES), atol=1e-6)


def test_the_student_is_saved_like_any_model(trained, tmp_path):
    _, student, *_ = trained
    convert.save_pretrained(student, tmp_path / "student", tiny.tokenizer())
    again = convert.from_pretrained(tmp_path / "student").model
    np.testing.assert_allclose(again(FEATURES), student(FEATURES), atol=1e-6)
    assert models.config_of(again).num_layers == 2


def test_a_narrower_student_learns_through_a_projection():
    teacher = classifier()
    student = classifier(tiny.config(num_layers=2, hidden_dim=4, dropout=0.0, attention_dropout=0.0))
    distiller = compress.distill(teacher, student, label_weight=0.0)
    projection = distiller.projection.kernel.numpy()
    distiller.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    pairs = zip(states_of(student), states_of(teacher)[1::2], strict=True)
    expected = np.mean([mean(np.mean((one @ projection - other) ** 2, -1), MASK) for one, other in pairs])
    expected += np.mean(divergence(teacher(FEATURES), student(FEATURES), 2.0))
    before = student.get_weights()
    np.testing.assert_allclose(distiller.train_on_batch(FEATURES, return_dict=True)["loss"], expected, rtol=1e-4)
    assert np.any(distiller.projection.kernel.numpy() != projection)
    assert any(np.any(one != other) for one, other in zip(before, student.get_weights(), strict=True))


def test_a_student_in_half_precision_learns_from_a_teacher_in_float32():
    teacher = classifier()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        student = classifier(tiny.config(num_layers=2, dropout=0.0))
    finally:
        keras.config.set_dtype_policy("float32")
    distiller = compress.distill(teacher, student)
    distiller.compile("sgd", cross_entropy(), run_eagerly=True)
    kl = mean(divergence(teacher(FEATURES), keras.ops.cast(student(FEATURES), "float32"), 2.0), np.ones(3))
    logits = compress.LogitsLoss(2.0).compute_loss(teacher(FEATURES), student(FEATURES))
    np.testing.assert_allclose(logits, kl, rtol=1e-4)
    assert np.isfinite(distiller.train_on_batch(FEATURES, CLASSES, return_dict=True)["loss"])


def test_two_replicas_have_the_gradient_of_one_device(mirrored):
    def weights(scope):
        keras.utils.set_random_seed(0)
        with scope:
            teacher = classifier()
            student = compress.student_of(teacher)
            distiller = compress.distill(teacher, student)
            distiller.compile(keras.optimizers.SGD(0.1), cross_entropy())
        features = {name: np.concatenate([values[:1]] * 2) for name, values in FEATURES.items()}
        distiller.fit(features, np.array([1, 1]), batch_size=2, verbose=0)
        return student.get_weights()

    one = weights(keras.name_scope("one"))
    for mine, theirs in zip(weights(mirrored.scope()), one, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"logits": None, "hidden": False}, "Nothing is left to learn"),
        ({"label_weight": 1.0}, "label_weight=1.0"),
        ({"hidden_weight": 0.0}, "hidden_weight=0.0"),
        ({"temperature": 0.0}, "positive"),
        ({"logits": "cosine"}, "kl_divergence, mse"),
        ({"hidden": {0: 4}}, "teacher 0 to 3. Received the pair 0: 4"),
    ],
)
def test_what_cannot_be_learnt_is_refused(arguments, message):
    teacher = classifier()
    with pytest.raises(ValueError, match=message):
        compress.distill(teacher, compress.student_of(teacher), **arguments)


def test_models_that_share_weights_are_refused():
    encoder = models.bert_encoder(TEACHER)
    with pytest.raises(ValueError, match=r"share \d+ weights"):
        compress.distill(models.text_classifier(encoder, 3), models.text_classifier(encoder, 3))


def test_a_single_logit_has_no_divergence():
    teacher = models.text_classifier(models.bert_encoder(TEACHER), num_classes=1)
    distiller = compress.distill(teacher, compress.student_of(teacher), label_weight=0.0)
    distiller.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="logits='mse'"):
        distiller.test_on_batch(FEATURES)


def test_labels_that_count_need_a_loss():
    teacher = classifier()
    with pytest.raises(ValueError, match="label_weight=0"):
        compress.distill(teacher, compress.student_of(teacher)).compile("sgd")
