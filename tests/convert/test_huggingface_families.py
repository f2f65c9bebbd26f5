"""Every family and task of Hugging Face's, on tiny random models: in with equal outputs, out again bit for bit."""

import functools
import tempfile
from pathlib import Path

import huggingface_models as hf
import numpy as np
import pytest

from keras_bert_layers import convert, models

every_model = pytest.mark.parametrize(
    ("family", "task"), [pytest.param(family, task, id=f"{family}-{task}") for family, task in hf.CLASSES_THERE]
)


@functools.cache
def theirs(family, task):
    """A model of theirs, and the directory it is in."""
    model = hf.reference(family, task)
    return model, hf.saved(model, Path(tempfile.mkdtemp()))


def load(family, saved_for, **settings):
    return convert.from_pretrained(theirs(family, saved_for)[1], tokenizer=False, **settings)


@every_model
def test_a_model_of_theirs_computes_the_same_here(family, task):
    found = load(family, task)
    assert (found.model_type, found.task, found.ignored, found.fresh) == (family, task, {}, ())
    assert models.config_of(found.model) == found.config
    hf.assert_same_outputs(found.model, theirs(family, task)[0])


@every_model
def test_it_goes_back_bit_for_bit_and_computes_the_same_there(family, task, tmp_path):
    model, _ = theirs(family, task)
    convert.to_huggingface(load(family, task).model, tmp_path / "out")
    again = hf.loaded(type(model), tmp_path / "out")
    hf.assert_same_weights(again, model)
    hf.assert_same_outputs_there(again, model)


@every_model
def test_it_comes_back_from_our_own_format(family, task, tmp_path):
    found = load(family, task)
    convert.save_pretrained(found.model, tmp_path / "own")
    again = convert.from_pretrained(tmp_path / "own")
    assert (again.model_type, again.task, again.config) == (family, task, found.config)
    hf.assert_same_outputs(again.model, theirs(family, task)[0])


@pytest.mark.parametrize(
    ("family", "task", "ignored"),
    [
        ("bert", "pretraining", {"cls.predictions.bias", "cls.seq_relationship.weight"}),
        ("albert", "masked_lm", {"predictions.bias", "predictions.dense.weight"}),
        ("distilbert", "text_classification", {"pre_classifier.weight", "classifier.bias"}),
        ("electra", "text_classification", {"classifier.dense.weight", "classifier.out_proj.bias"}),
        ("electra", "pretraining", {"discriminator_predictions.dense.weight"}),
        ("modernbert", "question_answering", {"head.norm.weight", "classifier.weight"}),
    ],
)
def test_the_encoder_comes_out_of_a_model_with_a_head(family, task, ignored):
    found = load(family, task, task="encoder")
    assert ignored <= set(found.ignored)
    assert all("belongs to the part" in reason for reason in found.ignored.values())
    inputs = hf.features()
    base = getattr(theirs(family, task)[0], theirs(family, task)[0].base_model_prefix)
    expected = hf.outputs_there(base, inputs)["sequence_output"]
    actual = np.asarray(found.model({name: inputs[name] for name in found.model.input})["sequence_output"])
    real = hf.PADDING.astype(bool)
    np.testing.assert_allclose(actual[real], expected[real], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", hf.CONFIGS)
@pytest.mark.parametrize("task", ["text_classification", "token_classification"])
def test_a_new_classifier_is_put_on_a_masked_lm(family, task):
    found = load(family, "masked_lm", task=task, labels=["a", "b", "c"], new_head=True)
    head = {"text_classification": "classification"}.get(task, task)
    pooler = {"pooler"} if task == "text_classification" and family != "modernbert" else set()
    begun = {"head_transform", "head_norm"} if family == "modernbert" else pooler
    # A ModernBERT's classifier goes on with the head that its masked LM had.
    assert set(found.fresh) == {head} | (pooler if family != "modernbert" else set())
    assert begun <= {layer.name for layer in found.model.layers}
    assert found.model.output.shape[-1] == 3


@pytest.mark.parametrize("family", hf.CONFIGS)
def test_a_sentence_embedder_is_written_and_read(family, tmp_path):
    model, directory = theirs(family, "encoder")
    encoder = convert.from_pretrained(directory, tokenizer=False).model
    convert.to_huggingface(models.text_embedder(encoder, "cls", normalize=False), tmp_path / "out")
    again = convert.from_pretrained(tmp_path / "out", task="sentence_embedding", tokenizer=False)
    inputs = hf.features()
    expected = hf.outputs_there(model, inputs)["sequence_output"][:, 0]
    actual = again.model({name: inputs[name] for name in again.model.input})
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)
    _, about = type(model).from_pretrained(tmp_path / "out", output_loading_info=True)
    # A BERT's pooler has no part in a sentence embedding: it is the one thing that is not there.
    assert all("pooler" in name for name in about["missing_keys"])
    assert not about["unexpected_keys"]
