"""What transformers would compute otherwise than here is refused by name, in both directions."""

import dataclasses

import convert_directories as checkpoints
import pytest
import tiny

from keras_bert_layers import convert, layers, models

pytest.importorskip("safetensors", reason="needs safetensors: pip install '.[convert]'")


def encoder_of(family, **settings):
    """A tiny encoder of a family."""
    sizes = {"vocabulary_size": 15, "hidden_dim": 8, "num_layers": 2, "num_heads": 2, "intermediate_dim": 12}
    if family == "modernbert":
        return models.modernbert_encoder(models.ModernBertConfig(**sizes, **settings))
    if family == "albert":
        return models.albert_encoder(models.AlbertConfig(**{**sizes, "embedding_dim": 4, **settings}))
    if family == "distilbert":
        return models.distilbert_encoder(tiny.config(num_segments=0, **settings))
    return models.electra_encoder(tiny.config(embedding_dim=4, **settings))


READING = {
    "relative positions": {"position_embedding_type": "relative_key"},
    "a decoder": {"is_decoder": True},
    "cross attention": {"add_cross_attention": True},
    "heads that were removed": {"pruned_heads": {"0": [1]}},
    "quantized weights": {"quantization_config": {"bits": 4}},
}


@pytest.mark.parametrize("family", ["albert", "distilbert", "electra"])
@pytest.mark.parametrize("settings", READING.values(), ids=READING)
def test_a_setting_that_is_not_computed_here_is_refused_by_name(family, settings, tmp_path):
    convert.to_huggingface(encoder_of(family), tmp_path / "model")
    checkpoints.change_config(tmp_path / "model", **settings)
    with pytest.raises(ValueError, match=f"Only models with {next(iter(settings))}=.*are computed here"):
        convert.from_pretrained(tmp_path / "model", tokenizer=False)


@pytest.mark.parametrize(
    ("family", "key"), [("albert", "hidden_act"), ("electra", "hidden_act"), ("distilbert", "activation")]
)
def test_an_unknown_activation_is_refused_under_its_name_there(family, key, tmp_path):
    convert.to_huggingface(encoder_of(family), tmp_path / "model")
    checkpoints.change_config(tmp_path / "model", **{key: "mish"})
    with pytest.raises(ValueError, match=rf"`{key}` must be one of gelu, .*Received: 'mish'"):
        convert.from_pretrained(tmp_path / "model", tokenizer=False)


@pytest.mark.parametrize(
    ("family", "key"),
    [("albert", "hidden_size"), ("electra", "num_hidden_layers"), ("distilbert", "dim"), ("modernbert", "vocab_size")],
)
def test_a_size_that_is_not_there_is_missed_by_name(family, key, tmp_path):
    convert.to_huggingface(encoder_of(family), tmp_path / "model")
    checkpoints.change_config(tmp_path / "model", **{key: None})
    with pytest.raises(ValueError, match=rf"it lacks {key}"):
        convert.from_pretrained(tmp_path / "model", tokenizer=False)


def with_pooler(activation):
    return layers.Pooler(activation=activation, name="pooler")


def masked_lm(encoder, **settings):
    table = encoder.get_layer("embeddings").token_embedding
    return models.masked_lm(encoder, layers.MaskedLMHead(**{"token_embedding": table, **settings}, name="masked_lm"))


def other_epsilon(encoder):
    config = models.config_of(encoder)
    return models.modernbert_head(encoder, dataclasses.replace(config, layer_norm_epsilon=0.1), "cls")


WRITING = {
    "a BERT with another pooler": (
        lambda: models.text_classifier(models.bert_encoder(tiny.config(), with_pooler("relu")), 2),
        {},
        "'pooler' has activation='relu', and Hugging Face's bert has 'tanh'",
    ),
    "an ELECTRA without its pooler's activation": (
        lambda: models.text_classifier(models.electra_encoder(tiny.config(embedding_dim=4), with_pooler("tanh")), 2),
        {},
        "'pooler' has activation='tanh', and Hugging Face's electra has 'gelu'",
    ),
    "a BERT without segments": (
        lambda: models.text_classifier(models.bert_encoder(tiny.config(num_segments=0)), 2),
        {},
        "'pooler' has activation='tanh', and Hugging Face's distilbert has 'relu'",
    ),
    "a BERT without segments, as a BERT": (
        lambda: models.bert_encoder(tiny.config(num_segments=0)),
        {"model_type": "bert"},
        r"BERT has segments, and this model has none.*distilbert_encoder",
    ),
    "a DistilBERT with another epsilon": (
        lambda: encoder_of("distilbert", layer_norm_epsilon=1e-6),
        {},
        "DistilBERT has layer_norm_epsilon=1e-12 and no other. Received a model with layer_norm_epsilon=1e-06",
    ),
    "a summary that the encoder has not": (
        lambda: models.distilbert_encoder(tiny.config(num_segments=0), pooler=True),
        {},
        "DistilBertModel has no pooler.*pooler=False",
    ),
    "an ELECTRA with a projection between equal widths": (
        lambda: models.electra_encoder(tiny.config(embedding_dim=8)),
        {},
        "embedding_dim=None and no other. Received a model with embedding_dim=8",
    ),
    "a generator with another activation": (
        lambda: masked_lm(encoder_of("electra"), intermediate_activation="relu"),
        {},
        "'masked_lm' has intermediate_activation='relu', and Hugging Face's electra has 'gelu'",
    ),
    "a masked LM with another activation": (
        lambda: masked_lm(models.bert_encoder(tiny.config()), intermediate_activation="relu"),
        {},
        "'masked_lm' has intermediate_activation='relu', and Hugging Face's bert has 'gelu'",
    ),
    "a masked LM that gives probabilities": (
        lambda: masked_lm(models.bert_encoder(tiny.config()), activation="softmax"),
        {},
        "'masked_lm' has activation='softmax', and Hugging Face's bert has 'linear'",
    ),
    "a masked LM with another epsilon": (
        lambda: masked_lm(models.bert_encoder(tiny.config()), layer_norm_epsilon=1e-3),
        {},
        "'masked_lm' has norm.epsilon=0.001, and Hugging Face's bert has 1e-12",
    ),
    "a masked LM without a bias": (
        lambda: masked_lm(models.bert_encoder(tiny.config()), use_output_bias=False),
        {},
        "The layer 'masked_lm' .* has no output_bias, which this format holds",
    ),
    "a masked LM with a matrix of another width": (
        lambda: masked_lm(encoder_of("albert", activation="gelu"), token_embedding=None, vocabulary_size=15),
        {},
        "'masked_lm' has output_embedding.output_dim=8, and Hugging Face's albert has 4",
    ),
    "a ModernBERT that takes the maximum": (
        lambda: models.text_classifier(
            models.modernbert_head(encoder_of("modernbert"), models.config_of(encoder_of("modernbert")), "max"), 2
        ),
        {},
        "'head_pooling' has mode='max'",
    ),
    "an ALBERT as a BERT": (lambda: encoder_of("albert"), {"model_type": "bert"}, "BERT has embedding_dim=None"),
    "a ModernBERT's head with another epsilon": (
        lambda: models.text_classifier(other_epsilon(encoder_of("modernbert")), 2),
        {},
        "'head_norm' has epsilon=0.1, and Hugging Face's modernbert has 1e-05",
    ),
    "labels without a classifier": (
        lambda: models.bert_encoder(tiny.config()),
        {"labels": ["a", "b"]},
        "`labels` are names of classes, and the model has no classifier",
    ),
    "too few labels": (
        lambda: models.text_classifier(models.bert_encoder(tiny.config()), 3),
        {"labels": ["a", "b"]},
        "`labels` must name the 3 classes",
    ),
    "a task that the family has not": (
        lambda: models.bert_pretrainer(models.distilbert_encoder(tiny.config(num_segments=0), pooler=True)),
        {},
        "A distilbert for pretraining has no class in transformers",
    ),
    "an unknown family": (lambda: models.bert_encoder(tiny.config()), {"model_type": "roberta"}, "must be one of bert"),
}


@pytest.mark.parametrize(("build", "settings", "message"), WRITING.values(), ids=WRITING)
def test_a_model_that_would_be_another_one_there_is_not_written(build, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        convert.to_huggingface(build(), tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_it_can_be_saved_in_the_own_format_all_the_same(tmp_path):
    model = models.text_classifier(models.bert_encoder(tiny.config(), with_pooler("relu")), 2)
    convert.save_pretrained(model, tmp_path / "own")
    assert convert.from_pretrained(tmp_path / "own").model.get_layer("pooler").activation.__name__ == "relu"
