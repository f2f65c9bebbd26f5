"""This library's own format: everything comes back, for the same task or another."""

import json

import convert_directories as checkpoints
import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import convert, layers, models, text

TASKS = {
    "encoder": lambda encoder: encoder,
    "masked_lm": models.masked_lm,
    "pretraining": models.bert_pretrainer,
    "text_classification": lambda encoder: models.text_classifier(encoder, 3),
    "token_classification": lambda encoder: models.token_classifier(encoder, 3),
    "question_answering": models.span_predictor,
    "sentence_embedding": lambda encoder: models.text_embedder(encoder, "max", normalize=False),
}


def saved(tmp_path, task="pretraining", **settings):
    model = TASKS[task](models.bert_encoder(tiny.config()))
    convert.save_pretrained(model, tmp_path / "model", tiny.tokenizer(), **settings)
    return model


@pytest.mark.parametrize("task", TASKS)
def test_the_model_of_every_task_comes_back(task, tmp_path):
    model = saved(tmp_path, task)
    again = convert.from_pretrained(tmp_path / "model")
    assert again.task == task
    assert again.config == tiny.config()
    _assert_equal(checkpoints.outputs(again.model), checkpoints.outputs(model))


def test_the_tokenizer_comes_back_with_its_settings(tmp_path):
    tokenizer = text.BertTokenizer(tiny.VOCABULARY, lowercase=False, max_characters_per_word=7)
    convert.save_pretrained(models.bert_encoder(tiny.config()), tmp_path / "model", tokenizer)
    again = convert.from_pretrained(tmp_path / "model").tokenizer
    assert again.get_config() == tokenizer.get_config()
    assert (tmp_path / "model" / "vocab.txt").read_text().splitlines() == tiny.VOCABULARY


def test_labels_and_length_come_back(tmp_path):
    saved(tmp_path, "text_classification", labels=["bad", "good", "无"], sequence_length=9)
    again = convert.from_pretrained(tmp_path / "model")
    assert again.labels == ["bad", "good", "无"]
    assert again.preprocessor().sequence_length == 9


def test_it_unpacks_to_model_and_tokenizer(tmp_path):
    saved(tmp_path)
    model, tokenizer = convert.from_pretrained(tmp_path / "model")
    assert model.name == "bert_pretrainer"
    assert tokenizer.vocabulary == tiny.VOCABULARY


def test_another_task_keeps_the_weights_it_shares(tmp_path):
    model = saved(tmp_path, "pretraining")
    again = convert.from_pretrained(tmp_path / "model", "masked_lm")
    assert set(again.ignored) == {
        f"{layer}.{weight}" for layer in ("pooler.dense", "next_sentence.logits") for weight in ("kernel", "bias")
    }
    _assert_equal(checkpoints.outputs(again.model), checkpoints.outputs(model)["masked_lm"])


def test_an_untied_head_comes_back_for_another_task(tmp_path):
    encoder = models.bert_encoder(tiny.config())
    head = layers.MaskedLMHead(vocabulary_size=15, name="masked_lm")
    model = models.bert_pretrainer(encoder, head)
    convert.save_pretrained(model, tmp_path / "model")
    again = convert.from_pretrained(tmp_path / "model", "masked_lm")
    _assert_equal(checkpoints.outputs(again.model), checkpoints.outputs(model)["masked_lm"])


def test_a_layer_of_ones_own_is_listed_where_another_task_leaves_it_out(tmp_path):
    encoder = models.bert_encoder(tiny.config())
    mine = layers.Linear(3, name="mine")(encoder.output["pooled_output"])
    convert.save_pretrained(keras.Model(encoder.input, mine), tmp_path / "model")
    again = convert.from_pretrained(tmp_path / "model", "question_answering", new_head=True)
    assert again.ignored["mine/kernel"] == "belongs to the layer 'mine', which this model has not"
    assert again.fresh == ("span",)


def test_a_new_head_is_made_only_when_asked_for(tmp_path):
    saved(tmp_path, "masked_lm")
    with pytest.raises(ValueError, match=r"has no head for text_classification.*new_head=True"):
        convert.from_pretrained(tmp_path / "model", "text_classification")
    again = convert.from_pretrained(tmp_path / "model", "text_classification", labels=["a", "b"], new_head=True)
    assert again.fresh == ("classification", "pooler")
    assert again.model.output.shape == (None, 2)


def test_other_labels_replace_the_head_only_when_asked_for(tmp_path):
    saved(tmp_path, "text_classification", labels=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"names 2 classes, and the head .* has 3.*new_head=True"):
        convert.from_pretrained(tmp_path / "model", labels=["x", "y"])
    again = convert.from_pretrained(tmp_path / "model", labels=["x", "y"], new_head=True)
    assert (again.labels, again.fresh) == (["x", "y"], ("classification",))
    assert convert.from_pretrained(tmp_path / "model", labels=["x", "y", "z"]).labels == ["x", "y", "z"]


def test_a_tokenizer_of_another_vocabulary_is_refused_before_anything_is_written(tmp_path):
    tokenizer = text.BertTokenizer([*tiny.VOCABULARY, "more"])
    with pytest.raises(ValueError, match=r"tokenizer has 16 tokens, and the model's vocabulary_size is 15"):
        convert.save_pretrained(models.bert_encoder(tiny.config()), tmp_path / "model", tokenizer)
    assert not list(tmp_path.iterdir())


def test_a_directory_in_use_is_not_overwritten_unasked(tmp_path):
    saved(tmp_path)
    with pytest.raises(ValueError, match="overwrite=True"):
        saved(tmp_path, "encoder")
    assert convert.from_pretrained(tmp_path / "model").task == "pretraining"
    saved(tmp_path, "encoder", overwrite=True)
    assert convert.from_pretrained(tmp_path / "model").task == "encoder"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "keras_bert_layers.json").write_text('{"format_version": 1'), "is damaged"),
        (lambda path: _set(path, format_version=2), "has format_version 2; .* reads 1"),
        (lambda path: (path / "model.keras").unlink(), "lacks model.keras"),
        (lambda path: (path / "vocab.txt").unlink(), "vocab.txt"),
    ],
)
def test_a_damaged_directory_says_what_is_wrong(damage, message, tmp_path):
    saved(tmp_path)
    damage(tmp_path / "model")
    with pytest.raises(ValueError, match=message):
        convert.from_pretrained(tmp_path / "model")


def _set(path, **entries):
    file = path / "keras_bert_layers.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def _assert_equal(ours, expected):
    if isinstance(expected, dict):
        assert set(ours) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(ours[name], value, atol=1e-6)
    else:
        np.testing.assert_allclose(ours, expected, atol=1e-6)
