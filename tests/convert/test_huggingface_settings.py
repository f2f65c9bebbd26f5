"""Every setting of a Hugging Face configuration that changes the computation has its effect here, in and out again."""

import huggingface_models as hf
import pytest

from keras_bert_layers import convert

WITH_SEGMENTS = ("bert", "albert", "electra")
ACTIVATION = {"distilbert": "activation", "modernbert": "hidden_activation"}
BIASES = ("attention_bias", "mlp_bias", "norm_bias", "classifier_bias")


def activations():
    for family in hf.CONFIGS:
        key = ACTIVATION.get(family, "hidden_act")
        default = getattr(hf.CONFIGS[family][0](), key)
        for name in sorted({"gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu"} - {default}):
            yield family, "masked_lm", {key: name} | ({"classifier_activation": name} if family == "modernbert" else {})


CASES = [
    *activations(),
    ("bert", "encoder", {"hidden_act": "tanh"}),
    *((family, "pretraining", {"type_vocab_size": segments}) for family in WITH_SEGMENTS for segments in (1, 3)),
    *((family, "masked_lm", {"layer_norm_eps": 1e-3}) for family in WITH_SEGMENTS),
    ("modernbert", "masked_lm", {"norm_eps": 1e-3}),
    *((family, "masked_lm", {"tie_word_embeddings": False}) for family in hf.CONFIGS),
    *((family, "pretraining", {"tie_word_embeddings": False}) for family in ("bert", "albert")),
    *((family, "text_classification", {"num_labels": 1}) for family in hf.CONFIGS),
    ("bert", "token_classification", {"num_labels": 7}),
    ("albert", "encoder", {"num_hidden_groups": 1, "inner_group_num": 1}),
    ("albert", "encoder", {"num_hidden_groups": 3, "num_hidden_layers": 5, "inner_group_num": 1}),
    ("albert", "masked_lm", {"embedding_size": 8}),
    ("distilbert", "encoder", {"sinusoidal_pos_embds": True}),
    ("electra", "masked_lm", {"embedding_size": 8}),
    ("electra", "pretraining", {"embedding_size": 8, "hidden_act": "relu"}),
    ("electra", "text_classification", {"embedding_size": 8, "hidden_act": "relu"}),
    ("modernbert", "text_classification", {"classifier_pooling": "cls"}),
    ("modernbert", "text_classification", dict.fromkeys(BIASES, True) | {"classifier_activation": "relu"}),
    ("modernbert", "masked_lm", dict.fromkeys(BIASES, True)),
    ("modernbert", "masked_lm", {"decoder_bias": False}),
    ("modernbert", "encoder", {"global_attn_every_n_layers": 1}),
]


@pytest.mark.parametrize(
    ("family", "task", "settings"), [pytest.param(*case, id="-".join(map(str, case))) for case in CASES]
)
def test_a_setting_has_its_effect_here_and_is_written(family, task, settings, tmp_path):
    model = hf.reference(family, task, **settings)
    found = convert.from_pretrained(hf.saved(model, tmp_path / "in"), tokenizer=False)
    segments = settings.get("type_vocab_size", hf.SEGMENTS)
    hf.assert_same_outputs(found.model, model, segments)
    electra_without_mark = family == "electra" and settings.get("embedding_size") == 8 and task == "masked_lm"
    convert.to_huggingface(found.model, tmp_path / "out", model_type="electra" if electra_without_mark else None)
    hf.assert_same_outputs_there(hf.loaded(type(model), tmp_path / "out"), model, segments)


@pytest.mark.parametrize(
    ("family", "key"),
    [
        ("bert", "classifier_dropout"),
        ("albert", "classifier_dropout_prob"),
        ("distilbert", "seq_classif_dropout"),
        ("electra", "classifier_dropout"),
        ("modernbert", "classifier_dropout"),
    ],
)
def test_the_dropout_of_a_classifier_is_read_and_written(family, key, tmp_path):
    model = hf.reference(family, "text_classification", **{key: 0.35})
    found = convert.from_pretrained(hf.saved(model, tmp_path / "in"), tokenizer=False)
    assert found.model.get_layer("classification").dropout == 0.35
    convert.to_huggingface(found.model, tmp_path / "out")
    assert getattr(hf.loaded(type(model), tmp_path / "out").config, key) == 0.35


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("bert", {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3, "initializer_range": 0.5}),
        ("albert", {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3, "initializer_range": 0.5}),
        ("distilbert", {"dropout": 0.2, "attention_dropout": 0.3, "initializer_range": 0.5}),
        ("electra", {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3, "initializer_range": 0.5}),
    ],
)
def test_what_matters_for_training_goes_in_and_out(family, settings, tmp_path):
    model = hf.reference(family, "masked_lm", **settings)
    found = convert.from_pretrained(hf.saved(model, tmp_path / "in"), tokenizer=False)
    block = found.model.get_layer("encoder").blocks[0]
    assert (block.feed_forward.dropout, block.attention.attention_dropout) == (0.2, 0.3)
    convert.to_huggingface(found.model, tmp_path / "out")
    written = hf.loaded(type(model), tmp_path / "out").config
    assert {name: getattr(written, name) for name in settings} == settings


def test_labels_go_in_and_out(tmp_path):
    names = {0: "negativ", 1: "neutral", 2: "positiv", 3: "无"}
    model = hf.reference("bert", "text_classification", id2label=names, label2id={v: k for k, v in names.items()})
    found = convert.from_pretrained(hf.saved(model, tmp_path / "in"), tokenizer=False)
    assert found.labels == list(names.values())
    convert.to_huggingface(found.model, tmp_path / "out", labels=found.labels)
    assert hf.loaded(type(model), tmp_path / "out").config.id2label == names


def test_an_untied_bias_of_older_files_is_the_one_that_is_added(tmp_path):
    """Before version 5, the two biases were one, saved under the shorter name, also where the matrices were two."""
    model = hf.reference("bert", "masked_lm", tie_word_embeddings=False)
    with hf.torch.no_grad():
        model.cls.predictions.bias.copy_(model.cls.predictions.decoder.bias)
    directory = hf.saved(model, tmp_path / "in")
    hf.rewrite(directory, lambda tensors: {k: v for k, v in tensors.items() if k != "cls.predictions.decoder.bias"})
    hf.assert_same_outputs(convert.from_pretrained(directory, tokenizer=False).model, model)


def test_a_bias_without_effect_is_reported(tmp_path):
    model = hf.reference("bert", "masked_lm", tie_word_embeddings=False)
    directory = hf.saved(model, tmp_path / "in")
    bias = model.cls.predictions.decoder.bias.detach().numpy()
    both = {"cls.predictions.decoder.bias": bias, "cls.predictions.bias": bias + 1}
    hf.rewrite(directory, lambda tensors: {**tensors, **both})
    found = convert.from_pretrained(directory, tokenizer=False)
    assert found.ignored == {"cls.predictions.bias": "without effect beside cls.predictions.decoder.bias"}
    hf.assert_same_outputs(found.model, model)
