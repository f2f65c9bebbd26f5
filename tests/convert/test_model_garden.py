"""The Model Garden's checkpoints, in the names that its classes and its published files have."""

import shutil

import bert_arrays
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_checkpoints as checkpoints
import tiny
from convert_directories import FEATURES

from keras_bert_layers import convert

P = bert_arrays.random_weights()
EXPECTED = bert_arrays.outputs(P, bert_arrays.gelu_tanh)
OTHER_POOLER = bert_arrays.random_weights(seed=9)["pooler"]
QUERY = "encoder/_transformer_layers/0/_attention_layer/_query_dense/kernel/.ATTRIBUTES/VARIABLE_VALUE"


def dense(place, head):
    return checkpoints.model_garden_dense(place, P[head])


def without_word_embeddings(tensors):
    """A masked-LM head is the shorter way to them."""
    return {name: value for name, value in tensors.items() if value is not P["embeddings"]["tokens"]}


def encoder(*place, **settings):
    return checkpoints.model_garden(P, *place, **settings)


def pretrainer(encoder_tensors, masked_lm):
    return {**without_word_embeddings(encoder_tensors), **checkpoints.model_garden_masked_lm(P, masked_lm)}


def with_own_pooler(tensors, place):
    """The head has the trained pooler, under `place`, and the encoder another one, that nothing uses."""
    (own,) = {name.removesuffix("/kernel") for name, value in tensors.items() if value is P["pooler"]["W"]}
    return tensors | checkpoints.model_garden_dense(own, OTHER_POOLER) | dense(place, "pooler")


def published_in_2020(**settings):
    """uncased_L-12_H-768_A-12 of 2020: a functional encoder, whose pooler is that of a next-sentence head."""
    tensors = encoder(numbered=True, attention_output="_attention_output_dense", **settings)
    return {name: value for name, value in tensors.items() if "-6/" not in name} | dense(
        "next_sentence..pooler_dense", "pooler"
    )


IN_CLASSIFIER = "model/layer_with_weights-0"
# What was saved -> its tensors, its task if the names tell it, the tasks it can be loaded for, and what is left out.
SAVED = {
    "BertEncoderV2": (encoder(), "encoder", (), 0),
    "BertEncoderV2 as model": (encoder("model"), "encoder", (), 0),
    "BertEncoder": (encoder(numbered=True), "encoder", (), 0),
    "BertEncoder as model": (encoder("model", numbered=True), "encoder", (), 0),
    "published in 2020": (published_in_2020(), "encoder", (), 0),
    "BertPretrainerV2, masked LM only": (pretrainer(encoder(), "masked_lm"), "masked_lm", ("encoder",), 2),
    "BertPretrainerV2 by its items": (
        with_own_pooler(pretrainer(encoder(), "masked_lm"), "next_sentence..pooler_dense")
        | dense("model/classification_heads/0/out_proj", "next_sentence"),
        "pretraining",
        ("masked_lm", "encoder"),
        2,
    ),
    "BertPretrainerV2 as model": (
        with_own_pooler(
            pretrainer(encoder("model/encoder_network", numbered=True), "model/masked_lm"),
            "model/classification_heads/0/dense",
        )
        | dense("model/classification_heads/0/out_proj", "next_sentence"),
        "pretraining",
        ("masked_lm", "encoder"),
        2,
    ),
    "BertPretrainer": (
        pretrainer(encoder(IN_CLASSIFIER, numbered=True), "model/layer_with_weights-2")
        | dense("model/layer_with_weights-1/layer_with_weights-0", "next_sentence"),
        "pretraining",
        ("masked_lm", "encoder"),
        0,
    ),
    "BertClassifier": (
        encoder(IN_CLASSIFIER) | dense("model/layer_with_weights-1/out_proj", "classification"),
        "text_classification",
        ("encoder",),
        0,
    ),
    "BertClassifier by its items": (
        encoder(numbered=True) | dense("model/layer_with_weights-1/out_proj", "classification"),
        "text_classification",
        ("encoder",),
        0,
    ),
    "BertClassifier by save_weights": (
        encoder("layer_with_weights-0") | dense("layer_with_weights-1/out_proj", "classification"),
        "text_classification",
        (),
        0,
    ),
    "BertClassifier with a pooler of its own": (
        with_own_pooler(encoder(IN_CLASSIFIER), "model/layer_with_weights-1/dense")
        | dense("model/layer_with_weights-1/out_proj", "classification"),
        "text_classification",
        ("encoder",),
        2,
    ),
    "BertClassifier of the first kind": (
        encoder(IN_CLASSIFIER, numbered=True)
        | dense("model/layer_with_weights-1/layer_with_weights-0", "classification"),
        "encoder",
        ("text_classification",),
        2,
    ),
    "BertSpanLabeler": (
        encoder(IN_CLASSIFIER) | dense("model/layer_with_weights-1/layer_with_weights-0", "span"),
        "encoder",
        ("question_answering",),
        2,
    ),
    "BertTokenClassifier": (
        encoder(IN_CLASSIFIER) | dense("model/layer_with_weights-1", "token_classification"),
        "token_classification",
        ("encoder",),
        2,
    ),
}
OF_EVERY_CHECKPOINT = {"the names of the objects", "a counter of the training loop"}


@pytest.mark.parametrize("saved", SAVED)
def test_outputs_are_those_of_the_equations_with_the_tanh_form_of_gelu(saved, tmp_path):
    tensors, task, others, unused = SAVED[saved]
    directory = checkpoints.directory(tmp_path / "model", checkpoints.object_based(tensors))
    loaded = convert.from_pretrained(directory)
    assert (loaded.task, loaded.config) == (task, tiny.config(activation="gelu_tanh"))
    assert len([reason for reason in loaded.ignored.values() if reason not in OF_EVERY_CHECKPOINT]) == unused
    assert len(loaded.model.weights) + len(loaded.ignored) == len(tensors) + 2
    bert_arrays.assert_outputs(loaded.model, EXPECTED, task)
    for other in others:
        bert_arrays.assert_outputs(convert.from_pretrained(directory, other).model, EXPECTED, other)


@pytest.mark.parametrize("saved", ["BertEncoderV2", "published in 2020", "BertPretrainer", "BertClassifier"])
def test_the_weights_are_those_of_the_checkpoint_bit_for_bit(saved, tmp_path):
    directory = checkpoints.directory(tmp_path / "model", checkpoints.object_based(SAVED[saved][0]))
    model = convert.from_pretrained(directory).model
    block, first = model.get_layer("encoder").blocks[1], P["blocks"][1]
    for layer, letter in (("query", "Q"), ("key", "K"), ("value", "V"), ("output_projection", "O")):
        np.testing.assert_array_equal(getattr(block.attention, layer).kernel, first[f"W{letter}"])
        np.testing.assert_array_equal(getattr(block.attention, layer).bias, first[f"b{letter}"])
    np.testing.assert_array_equal(block.feed_forward.inner.kernel, first["W1"])
    np.testing.assert_array_equal(block.attention_norm.gamma, first["g1"])
    np.testing.assert_array_equal(model.get_layer("embeddings").token_embedding.embeddings, P["embeddings"]["tokens"])
    np.testing.assert_array_equal(model.get_layer("pooler").dense.kernel, P["pooler"]["W"])


def test_what_training_leaves_behind_is_left_out_with_its_reason(tmp_path):
    moment = f"{QUERY.partition('/.ATTR')[0]}/.OPTIMIZER_SLOT/optimizer/m"
    state = {moment: np.ones(2, "float32"), "optimizer/iter": 3, "optimizer/_variables/1": np.ones(2, "float32")}
    tensors = checkpoints.object_based(encoder() | state | {"global_step": 7})
    loaded = convert.from_pretrained(checkpoints.directory(tmp_path / "model", tensors))
    assert sorted(loaded.ignored.values()) == [
        "a counter of the training loop",
        "a counter of the training loop",
        "a moment of the optimizer",
        "state of the optimizer",
        "state of the optimizer",
        "the names of the objects",
    ]


def saved_by_tensorflow(directory, **objects):
    directory.mkdir()
    checkpoints.configure(directory)
    tiny.tokenizer().save(directory / "vocab.txt")
    tf.train.Checkpoint(**objects).save(str(directory / "ckpt"))
    return directory


def test_a_checkpoint_of_trackable_objects_is_read(tmp_path):
    """The names in the other tests are what TensorFlow makes of attributes."""
    root, tensors = tf.Module(), encoder()
    for name, value in tensors.items():
        *way, last = name.split("/")
        parent = root
        for step in way:
            if not hasattr(parent, step):
                setattr(parent, step, tf.Module())
            parent = getattr(parent, step)
        setattr(parent, last, tf.Variable(value))
    directory = saved_by_tensorflow(tmp_path / "model", encoder=root.encoder)
    written = checkpoints.load(tf.train.latest_checkpoint(str(directory)))
    assert set(written) == set(checkpoints.object_based(tensors))
    bert_arrays.assert_outputs(convert.from_pretrained(directory).model, EXPECTED, "encoder")


def test_the_model_garden_itself_gives_the_same_outputs(tmp_path):
    networks = pytest.importorskip("official.nlp.modeling.networks", reason="tf-models-official is not installed")
    theirs = networks.BertEncoderV2(15, 8, 2, 2, 16, 2, 16)
    names = {"input_word_ids": "token_ids", "input_type_ids": "segment_ids", "input_mask": "padding_mask"}
    inputs = {name: FEATURES[ours] for name, ours in names.items()}
    theirs(inputs)  # builds it
    rng = np.random.default_rng(0)
    theirs.set_weights([rng.normal(scale=0.4, size=weight.shape) for weight in theirs.get_weights()])
    directory = saved_by_tensorflow(tmp_path / "model", encoder=theirs)
    expected = {name: np.asarray(theirs(inputs)[name]) for name in ("sequence_output", "pooled_output")}
    bert_arrays.assert_outputs(convert.from_pretrained(directory).model, expected, "encoder")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return checkpoints.directory(tmp_path_factory.mktemp("garden") / "model", checkpoints.object_based(encoder()))


def changed(**tensors):
    tensors = checkpoints.object_based(encoder()) | tensors
    kept = {name: value for name, value in tensors.items() if value is not None}
    return lambda directory: checkpoints.save(directory / "bert_model.ckpt", kept)


def only(tensors):
    return lambda directory: checkpoints.save(directory / "bert_model.ckpt", checkpoints.object_based(tensors))


def configured(**settings):
    return lambda directory: checkpoints.configure(directory, **settings)


DATA = "bert_model.ckpt.data-00000-of-00001"
DAMAGES = {
    "no config": (lambda d: (d / "bert_config.json").unlink(), r"has no bert_config.json.*Found: no .json file"),
    "no data file": (lambda d: (d / DATA).unlink(), r"bert_model.ckpt cannot be read"),
    "data file truncated": (
        lambda d: (d / DATA).write_bytes((d / DATA).read_bytes()[:2000]),
        r"bert_model.ckpt cannot be read: .*download them again",
    ),
    "no encoder": (
        only({"generator/kernel": np.ones(2, "float32")}),
        r"must hold one BERT encoder .* It holds 0.*generator",
    ),
    "two encoders": (only(encoder() | encoder("other")), r"must hold one BERT encoder .* It holds 2"),
    "a tensor is missing": (changed(**{QUERY: None}), r"must hold one BERT encoder"),
    "another tensor is missing": (
        changed(**{QUERY.replace("query", "key"): None}),
        r"missing 'encoder/_transformer_layers/0/_attention_layer/_key_dense/kernel'",
    ),
    "a foreign tensor": (changed(adapter=np.ones((2, 2), "float32")), r"unexpected 'adapter' of shape \[2, 2\]"),
    "matrices without heads": (
        changed(**{QUERY: P["blocks"][0]["WQ"]}),
        r"_query_dense/kernel.*' must have shape \[8, 2, 4\] .*, found \[8, 8\]",
    ),
    "another vocabulary size": (configured(vocab_size=17), r"must have shape \[17, 8\] .*, found \[15, 8\]"),
    "another number of heads": (
        configured(num_attention_heads=4),
        r"must have shape \[8, 4, 2\] .*, found \[8, 2, 4\]",
    ),
    "fewer blocks than weights": (configured(num_hidden_layers=1), r"unexpected 'encoder/_transformer_layers/1/"),
    "vocabulary too long": (
        lambda d: (d / "vocab.txt").write_text("\n".join([*tiny.VOCABULARY, "more"]) + "\n"),
        r"vocab.txt has 16 tokens, and the model has 15",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_says_what_is_wrong(name, pristine, tmp_path):
    damage, message = DAMAGES[name]
    directory = shutil.copytree(pristine, tmp_path / "model")
    damage(directory)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert.from_pretrained(directory)
