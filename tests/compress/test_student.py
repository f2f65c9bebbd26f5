"""Students: blocks of the whole model, in every family and under every head."""

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import compress, models

BERT = tiny.config(num_layers=6)
MODERN = models.ModernBertConfig(vocabulary_size=15, hidden_dim=8, num_layers=8, num_heads=2, intermediate_dim=6)
SHARED = {"vocabulary_size": 15, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 16}
ALBERT = models.AlbertConfig(**SHARED, embedding_dim=4, num_layers=6)
IDS = np.random.default_rng(0).integers(5, 15, (2, 5)).astype("int32")
FEATURES = {"token_ids": IDS, "segment_ids": 0 * IDS, "padding_mask": 0 * IDS + 1, "mask_positions": IDS[:, :2] % 5}
HEADS = {
    "text_classifier": lambda: models.text_classifier(models.bert_encoder(BERT), num_classes=3),
    "token_classifier": lambda: models.token_classifier(models.bert_encoder(BERT), num_classes=3),
    "span_predictor": lambda: models.span_predictor(models.bert_encoder(BERT)),
    "text_embedder": lambda: models.text_embedder(models.bert_encoder(BERT)),
    "masked_lm": lambda: models.masked_lm(models.bert_encoder(BERT, pooler=False)),
    "bert_pretrainer": lambda: models.bert_pretrainer(models.bert_encoder(BERT)),
    "replaced_token_detector": lambda: models.replaced_token_detector(models.electra_encoder(BERT)),
    "distilbert": lambda: models.text_classifier(
        models.distilbert_encoder(tiny.config(num_layers=6, num_segments=0), pooler=True), num_classes=3
    ),
    "modernbert": lambda: models.modernbert_masked_lm(models.modernbert_encoder(MODERN), MODERN),
    "albert": lambda: models.text_classifier(models.albert_encoder(ALBERT), num_classes=3),
}


def outputs(model, features=FEATURES):
    return keras.tree.map_structure(np.array, model({name: features[name] for name in model.input}))


def without_blocks(model, kept):
    """What the whole model gives with the other blocks left out, by hand, in place."""
    stack = model.get_layer("encoder")
    stack._steps = lambda: [stack.blocks[number] for number in kept] if stack.order is None else stack.blocks * 3
    return outputs(model)


@pytest.mark.parametrize("head", HEADS)
def test_a_student_computes_what_the_model_does_without_the_other_blocks(head):
    model = HEADS[head]()
    student = compress.student_of(model)
    kept = range(0, 8 if head == "modernbert" else 6, 2)
    ours, theirs = outputs(student), without_blocks(model, kept)
    for mine, expected in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    assert sorted(student.input) == sorted(model.input)


@pytest.mark.parametrize("head", ["masked_lm", "bert_pretrainer", "modernbert"])
def test_the_matrix_of_a_masked_lm_stays_tied(head):
    student = compress.student_of(HEADS[head]())
    assert student.get_layer("masked_lm").output_embedding is student.get_layer("embeddings").token_embedding


def test_weights_are_copies():
    model = HEADS["text_classifier"]()
    student = compress.student_of(model)
    assert not {id(weight) for weight in model.weights} & {id(weight) for weight in student.weights}


def test_blocks_are_counted_anew():
    student = compress.student_of(HEADS["text_classifier"](), layers=[1, 4])
    assert [block.name for block in student.get_layer("encoder").blocks] == ["block_0", "block_1"]
    assert models.config_of(student).num_layers == 2
    assert [weight.path for weight in student.weights if "/block_1/" in weight.path]


def test_the_chosen_blocks_are_taken():
    model = HEADS["text_classifier"]()
    student = compress.student_of(model, layers=[1, 4])
    kernels = [stack.get_layer("encoder").blocks for stack in (model, student)]
    for theirs, ours in zip((1, 4), (0, 1), strict=True):
        np.testing.assert_array_equal(
            kernels[0][theirs].attention.query.kernel.numpy(), kernels[1][ours].attention.query.kernel.numpy()
        )


def test_an_albert_applies_its_block_fewer_times():
    student = compress.student_of(HEADS["albert"]())
    assert student.get_layer("encoder").order == [0, 0, 0]
    assert models.config_of(student).num_layers == 3


def test_all_of_a_student_of_a_frozen_model_is_trained():
    model = HEADS["text_classifier"]()
    models.freeze(model, blocks=3)
    student = compress.student_of(model)
    assert len(student.trainable_weights) == len(student.weights)


def test_names_of_classes_go_with_the_head():
    names = ["no", "yes"]
    model = models.text_classifier(models.bert_encoder(BERT), labels=names)
    assert models.labels_of(compress.student_of(model)) == names


@pytest.mark.parametrize("layers", [[], [0, 6], [2, 1], [0, 0], [-1, 2]])
def test_layers_that_are_not_there_or_do_not_rise_are_refused(layers):
    with pytest.raises(ValueError, match="0 to 5, rising"):
        compress.student_of(HEADS["text_classifier"](), layers)


def test_blocks_that_make_no_model_of_the_family_are_refused():
    with pytest.raises(ValueError, match="make no model of its family"):
        compress.student_of(HEADS["modernbert"](), layers=[1, 2])


def test_a_model_with_lora_is_refused():
    model = HEADS["text_classifier"]()
    compress.add_lora(model)
    with pytest.raises(ValueError, match="merge_lora"):
        compress.student_of(model)
