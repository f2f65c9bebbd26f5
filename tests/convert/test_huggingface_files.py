"""The same weights in other files: half precision, shards, older spellings, other heads, copies and omissions."""

import huggingface_models as hf
import keras
import numpy as np
import pytest

from keras_bert_layers import convert

families = pytest.mark.parametrize("family", hf.CONFIGS)

MATRIX = {
    "bert": ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    "albert": ("albert.embeddings.word_embeddings.weight", "predictions.decoder.weight"),
    "distilbert": ("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"),
    "electra": ("electra.embeddings.word_embeddings.weight", "generator_lm_head.weight"),
    "modernbert": ("model.embeddings.tok_embeddings.weight", "decoder.weight"),
}
BIAS = {
    "bert": ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "albert": ("predictions.bias", "predictions.decoder.bias"),
}


def masked_lm(family, directory):
    model = hf.reference(family, "masked_lm")
    return model, hf.saved(model, directory)


def load(directory, **settings):
    return convert.from_pretrained(directory, tokenizer=False, **settings)


@families
@pytest.mark.parametrize("dtype", [hf.torch.float16, hf.torch.bfloat16], ids=str)
def test_half_precision_is_read_as_what_it_holds(family, dtype, tmp_path):
    model = hf.reference(family, "masked_lm").to(dtype)
    found = load(hf.saved(model, tmp_path / "in"))
    assert {weight.dtype for weight in found.model.weights} == {"float32"}
    hf.assert_same_outputs(found.model, model.float())


@families
def test_shards_are_one_checkpoint(family, tmp_path):
    model = hf.reference(family, "masked_lm")
    directory = hf.saved(model, tmp_path / "in", max_shard_size=1000)
    assert len(list(directory.glob("*.safetensors"))) > 2
    hf.assert_same_outputs(load(directory).model, model)


@families
@pytest.mark.parametrize(
    "changes",
    [
        {r"((?:LayerNorm|layer_norm|norm)\.)weight$": r"\1gamma", r"((?:LayerNorm|layer_norm|norm)\.)bias$": r"\1beta"},
        {"^": "module."},
    ],
    ids=["gamma and beta", "module"],
)
def test_older_spellings_are_understood(family, changes, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    hf.rewrite(directory, hf.renamed(changes))
    hf.assert_same_outputs(load(directory).model, model)


@families
def test_an_encoder_is_read_without_its_prefix(family, tmp_path):
    model = hf.reference(family, "encoder")
    directory = hf.saved(model, tmp_path / "in")
    prefix = model.base_model_prefix + "."
    hf.rewrite(directory, hf.renamed({f"^{prefix}": ""}))
    hf.assert_same_outputs(load(directory).model, model)
    hf.rewrite(directory, hf.renamed({"^": prefix}))
    hf.assert_same_outputs(load(directory).model, model)


@families
def test_a_family_is_known_by_its_tensors_where_the_file_does_not_say_it(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    hf.set_config(directory, model_type=None, architectures=None)
    found = load(directory, task="masked_lm")
    assert found.model_type == family
    hf.assert_same_outputs(found.model, model)


@families
def test_a_tied_matrix_may_be_repeated(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    table, copy = MATRIX[family]
    hf.rewrite(directory, lambda tensors: {**tensors, copy: tensors[table]})
    found = load(directory)
    assert found.ignored == {copy: f"a copy of {table}"}
    hf.assert_same_outputs(found.model, model)


@families
def test_a_tied_matrix_may_have_the_name_of_its_copy_only(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    table, copy = MATRIX[family]
    hf.rewrite(directory, hf.renamed({f"^{table}$": copy}))
    hf.assert_same_outputs(load(directory).model, model)


@families
def test_a_tied_matrix_that_differs_is_refused(family, tmp_path):
    _, directory = masked_lm(family, tmp_path / "in")
    table, copy = MATRIX[family]
    hf.rewrite(directory, lambda tensors: {**tensors, copy: tensors[table] + 1})
    with pytest.raises(ValueError, match=rf"{copy}.* must repeat '{table}'.*tie_word_embeddings"):
        load(directory)


@pytest.mark.parametrize("family", BIAS)
def test_the_bias_of_the_scores_may_stand_under_either_name_or_both(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    name, copy = BIAS[family]
    hf.rewrite(directory, lambda tensors: {**tensors, copy: tensors[name]})
    hf.assert_same_outputs(load(directory).model, model)
    hf.rewrite(directory, lambda tensors: {key: value for key, value in tensors.items() if key != name})
    hf.assert_same_outputs(load(directory).model, model)


@pytest.mark.parametrize("family", ["bert", "albert", "distilbert", "electra"])
def test_buffers_of_older_versions_are_left_out_with_the_reason(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    buffer = f"{family}.embeddings.position_ids"
    hf.rewrite(directory, lambda tensors: {**tensors, buffer: np.arange(9)[None]})
    found = load(directory)
    assert found.ignored == {buffer: "a buffer of the numbers 0, 1, 2, …"}
    hf.assert_same_outputs(found.model, model)


@pytest.mark.parametrize(("family", "task"), [("bert", "text_classification"), ("distilbert", "token_classification")])
def test_a_classifier_is_not_taken_for_the_other_kind(family, task, tmp_path):
    model = hf.reference(family, task)
    other = {"text_classification": "token_classification"}.get(task, "text_classification")
    with pytest.raises(ValueError, match=rf"no head for {other}.*new_head=True"):
        load(hf.saved(model, tmp_path / "in"), task=other)


def test_one_kind_of_modernbert_classifier_is_not_taken_for_another(tmp_path):
    """All three have tensors of the same names and shapes."""
    model = hf.reference("modernbert", "text_classification", num_labels=2)
    directory = hf.saved(model, tmp_path / "in")
    with pytest.raises(ValueError, match="no weights for span"):
        load(directory, task="question_answering")
    with pytest.raises(ValueError, match="no head for token_classification"):
        load(directory, task="token_classification")


@families
def test_weights_are_made_in_the_precision_of_the_policy(family, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = load(directory)
    finally:
        keras.config.set_dtype_policy(previous)
    assert found.model.get_layer("encoder").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in found.model.weights} == {"float32"}
    expected = load(directory).model
    for weight, other in zip(found.model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    inputs = hf.features()
    logits = keras.ops.cast(found.model({name: inputs[name] for name in found.model.input}), "float32")
    real = hf.PADDING.astype(bool)
    there = hf.outputs_there(model, inputs)[None][real]
    assert np.abs(np.asarray(logits)[real] - there).mean() < 0.05 * np.abs(there).mean()


@families
def test_every_replica_of_a_strategy_begins_with_the_weights(family, mirrored, tmp_path):
    model, directory = masked_lm(family, tmp_path / "in")
    with mirrored.scope():
        found = load(directory)
    for weight, other in zip(found.model.weights, load(directory).model.weights, strict=True):
        for value in mirrored.experimental_local_results(weight.value):
            np.testing.assert_array_equal(value, other)
    hf.assert_same_outputs(found.model, model)
