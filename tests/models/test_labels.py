"""The names of the classes and the kind of answer go wherever a classifier goes."""

import json

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import convert, layers, models

LABELS = ["bad", "good", "无"]
ENCODERS = {
    "bert": lambda: models.bert_encoder(tiny.config()),
    "albert": lambda: models.albert_encoder(
        models.AlbertConfig(
            vocabulary_size=15, embedding_dim=4, hidden_dim=8, num_heads=2, intermediate_dim=16, max_sequence_length=16
        )
    ),
    "distilbert": lambda: models.distilbert_encoder(tiny.config(num_segments=0), pooler=True),
    "electra": lambda: models.electra_encoder(tiny.config(embedding_dim=4), pooler=True),
}
MODERN = models.ModernBertConfig(
    vocabulary_size=15, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6, max_sequence_length=16
)
families = pytest.mark.parametrize("family", [*ENCODERS, "modernbert"])


def encoder_of(family, pooling=None):
    if family == "modernbert":
        return models.modernbert_head(models.modernbert_encoder(MODERN), MODERN, pooling)
    return ENCODERS[family]()


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_labels_and_problem_type_survive_save_pretrained_without_being_named_again(family, tmp_path):
    model = models.text_classifier(encoder_of(family, "cls"), labels=LABELS, problem_type="multi_label")
    convert.save_pretrained(model, tmp_path / "model")
    found = convert.from_pretrained(tmp_path / "model", tokenizer=False)
    assert (found.labels, models.labels_of(found.model)) == (LABELS, LABELS)
    assert models.problem_type_of(found.model) == "multi_label"
    in_the_file = keras.models.load_model(tmp_path / "model" / "model.keras")
    assert (models.labels_of(in_the_file), models.problem_type_of(in_the_file)) == (LABELS, "multi_label")


@families
def test_labels_and_problem_type_go_to_hugging_face_and_come_back(family, tmp_path):
    model = models.text_classifier(encoder_of(family, "cls"), labels=LABELS, problem_type="multi_label")
    convert.to_huggingface(model, tmp_path / "model")
    settings = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert settings["id2label"] == {"0": "bad", "1": "good", "2": "无"}
    assert settings["problem_type"] == "multi_label_classification"
    found = convert.from_pretrained(tmp_path / "model", tokenizer=False)
    assert (models.labels_of(found.model), models.problem_type_of(found.model)) == (LABELS, "multi_label")


@families
def test_a_token_classifier_keeps_its_labels(family, tmp_path):
    model = models.token_classifier(encoder_of(family), labels=LABELS)
    convert.to_huggingface(model, tmp_path / "theirs")
    convert.save_pretrained(convert.from_pretrained(tmp_path / "theirs", tokenizer=False).model, tmp_path / "ours")
    assert models.labels_of(convert.from_pretrained(tmp_path / "ours").model) == LABELS


def test_labels_passed_to_save_pretrained_are_in_the_keras_file_too(tmp_path):
    model = models.text_classifier(ENCODERS["bert"](), 3)
    convert.save_pretrained(model, tmp_path / "model", labels=LABELS)
    assert models.labels_of(keras.models.load_model(tmp_path / "model" / "model.keras")) == LABELS


def test_other_names_for_the_classes_of_a_checkpoint_go_into_the_head(tmp_path):
    convert.save_pretrained(models.text_classifier(ENCODERS["bert"](), labels=LABELS), tmp_path / "model")
    found = convert.from_pretrained(tmp_path / "model", labels=["x", "y", "z"], problem_type="multi_label")
    assert models.labels_of(found.model) == ["x", "y", "z"]
    assert models.problem_type_of(found.model) == "multi_label"


@pytest.mark.parametrize(
    ("labels", "asked", "problem_type"),
    [
        (["only"], None, "regression"),
        (LABELS, None, "single_label"),
        (LABELS, "multi_label", "multi_label"),
        (["only"], "multi_label", "multi_label"),
    ],
)
@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_a_new_head_is_of_the_kind_that_is_asked_for(family, labels, asked, problem_type, tmp_path):
    encoder = ENCODERS["bert"]() if family == "bert" else models.modernbert_encoder(MODERN)
    convert.save_pretrained(encoder, tmp_path / "model")
    found = convert.from_pretrained(
        tmp_path / "model", "text_classification", labels=labels, problem_type=asked, new_head=True
    )
    assert models.labels_of(found.model) == labels
    assert models.problem_type_of(found.model) == problem_type


def test_an_unknown_problem_type_of_a_checkpoint_is_refused_by_name(tmp_path):
    convert.to_huggingface(models.text_classifier(ENCODERS["bert"](), 3), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text().replace("single_label_classification", "ranking"))
    with pytest.raises(ValueError, match=r"config.json has problem_type='ranking'. Known are: single_label_class"):
        convert.from_pretrained(tmp_path / "model", tokenizer=False)


@pytest.mark.parametrize(
    ("model", "labels", "problem_type"),
    [
        (lambda encoder: encoder, None, None),
        (lambda encoder: models.text_classifier(encoder, 3, 0.2, "name"), None, "single_label"),
        (lambda encoder: models.text_classifier(encoder, 1), None, "regression"),
        (lambda encoder: models.token_classifier(encoder, labels=LABELS), LABELS, "single_label"),
        (models.replaced_token_detector, None, "multi_label"),
    ],
)
def test_a_model_says_what_its_logits_mean(model, labels, problem_type):
    model = model(ENCODERS["bert"]())
    assert (models.labels_of(model), models.problem_type_of(model)) == (labels, problem_type)


@pytest.mark.parametrize("head", [layers.ClassificationHead, layers.TokenClassificationHead])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs `num_classes`, or the names of its classes"),
        ({"num_classes": 2, "labels": ["a", "b", "c"]}, r"must name the 2 classes .* Received 3: \['a', 'b', 'c'\]"),
        ({"labels": ["a", "b", "a"]}, "must be distinct. These come more than once: a."),
        ({"labels": ["a", ""]}, "must be names, none of them empty"),
        ({"labels": "ab"}, "must be names, none of them empty. Received: 'ab'"),
        ({"labels": [0, 1]}, "must be names"),
        ({"labels": []}, "must be a positive integer"),
        ({"num_classes": 2, "problem_type": "binary"}, "must be one of single_label, multi_label, regression"),
    ],
)
def test_labels_that_name_no_classes_are_refused(head, arguments, message):
    with pytest.raises(ValueError, match=message):
        head(**arguments)


def test_names_change_no_number():
    vectors = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    with_names, without = layers.ClassificationHead(labels=LABELS), layers.ClassificationHead(3)
    for head in (with_names, without):
        head.build(vectors.shape)
    with_names.set_weights(without.get_weights())
    np.testing.assert_array_equal(with_names(vectors), without(vectors))
