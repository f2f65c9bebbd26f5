"""LoRA: what is trained, what the product does, and that merging, saving and resuming keep the function."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from keras_bert_layers import compress, convert, models, training

TARGETS = ("query", "key", "value", "output", "inner", "outer")
MODERN = models.ModernBertConfig(vocabulary_size=15, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
ALBERT = models.AlbertConfig(
    vocabulary_size=15, embedding_dim=4, hidden_dim=8, num_heads=2, num_layers=3, intermediate_dim=16
)
ENCODERS = {
    "bert": lambda: models.bert_encoder(tiny.config()),
    "modernbert": lambda: models.modernbert_encoder(MODERN, pooler=True),
    "albert": lambda: models.albert_encoder(ALBERT),
}
families = pytest.mark.parametrize("family", ENCODERS)


def classifier(family="bert"):
    return models.text_classifier(ENCODERS[family](), num_classes=2)


def features(model, rows=4):
    ids = np.random.default_rng(0).integers(5, 15, (rows, 6)).astype("int32")
    given = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    return {name: given[name] for name in model.input}


def train(model, steps=2):
    model.compile(training.adamw(3e-2, total_steps=50), loss(), run_eagerly=True)
    for _ in range(steps):
        model.train_on_batch(features(model), np.array([0, 1, 1, 0]))


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def adapted(family="bert", **arguments):
    """A classifier with LoRA matrices as if they were trained."""
    model = classifier(family)
    compress.add_lora(model, rank=2, targets=TARGETS, **arguments)
    rng = np.random.default_rng(2)
    for weight in model.weights:
        if "lora_kernel_b" in weight.path:
            weight.assign(rng.normal(size=weight.shape, scale=0.1))
    return model


def predictions(model):
    return np.array(model(features(model)))


@families
def test_a_model_begins_as_it_was(family):
    model = classifier(family)
    before = predictions(model)
    compress.add_lora(model, targets=TARGETS)
    np.testing.assert_allclose(predictions(model), before, atol=1e-6)


def test_training_changes_the_matrices_and_the_head_alone():
    model = classifier()
    compress.add_lora(model, rank=2, targets=TARGETS)
    before = {weight.path: weight.numpy() for weight in model.weights}
    train(model)
    changed = {weight.path for weight in model.weights if np.any(before[weight.path] != weight.numpy())}
    lora = {path for path in before if "lora_kernel" in path}
    assert len(lora) == 2 * 6 * 2
    assert changed == lora | {path for path in before if path.startswith(("pooler/", "classification/"))}


def test_the_head_can_be_left_as_it_is():
    model = classifier()
    compress.add_lora(model, rank=2, train_head=False)
    assert all("lora_kernel" in weight.path for weight in model.trainable_weights)


def test_a_projection_is_its_kernel_and_the_product():
    model = adapted(alpha=3.0)
    projection = model.get_layer("encoder").blocks[1].feed_forward.inner
    x = np.random.default_rng(1).normal(size=(2, 3, 8)).astype("float32")
    kernel, bias, a, b = (
        weight.numpy()
        for weight in (projection._kernel, projection.bias, projection.lora_kernel_a, projection.lora_kernel_b)
    )
    assert np.abs(a @ b).max() > 1e-3
    expected = keras.activations.gelu(x @ (kernel + 3.0 / 2 * a @ b) + bias, approximate=False)
    np.testing.assert_allclose(projection(x), expected, atol=1e-5)


def test_alpha_is_twice_the_rank_by_default():
    model = classifier()
    compress.add_lora(model, rank=4)
    assert model.get_layer("encoder").blocks[0].attention.query.lora_alpha == 8


@families
def test_merging_keeps_the_outputs_and_leaves_the_weights_of_a_plain_model(family):
    model = adapted(family)
    before = predictions(model)
    assert compress.merge_lora(model) is model
    np.testing.assert_allclose(predictions(model), before, atol=1e-5)
    plain = classifier(family)
    assert [weight.path for weight in model.weights] == [weight.path for weight in plain.weights]
    assert len(model.trainable_weights) == len(plain.trainable_weights)


def test_a_function_traced_before_merging_stays_right():
    model = adapted()
    call = tf.function(model)
    before = call(features(model))
    compress.merge_lora(model)
    np.testing.assert_allclose(call(features(model)), before, atol=1e-5)


def test_predictions_after_merging_are_those_before_it():
    model = adapted()
    before = model.predict(features(model), verbose=0)
    compress.merge_lora(model)
    np.testing.assert_allclose(model.predict(features(model), verbose=0), before, atol=1e-5)


def test_what_was_frozen_before_is_frozen_after_merging():
    model = classifier()
    models.freeze(model, blocks=1)
    frozen = [weight.path for weight in model.trainable_weights]
    compress.add_lora(model)
    compress.merge_lora(model)
    assert [weight.path for weight in model.trainable_weights] == frozen


def test_lora_can_be_added_again_after_merging():
    model = adapted()
    compress.merge_lora(model)
    before = predictions(model)
    compress.add_lora(model, rank=3)
    np.testing.assert_allclose(predictions(model), before, atol=1e-6)


def test_a_keras_file_of_an_unmerged_model_is_the_merged_model(tmp_path):
    model = adapted()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predictions(again), predictions(model), atol=1e-5)
    assert not compress.has_lora(again)
    assert len(again.trainable_weights) == len(classifier().trainable_weights)


def test_a_merged_model_is_saved_with_its_tokenizer_and_loaded(tmp_path):
    model = compress.merge_lora(adapted())
    convert.save_pretrained(model, tmp_path / "model", tiny.tokenizer())
    again = convert.from_pretrained(tmp_path / "model").model
    np.testing.assert_allclose(predictions(again), predictions(model), atol=1e-6)


def test_a_merged_model_is_written_in_hugging_faces_format_and_an_unmerged_one_refused(tmp_path):
    pytest.importorskip("safetensors")
    model = adapted()
    with pytest.raises(ValueError, match="lora_kernel"):
        convert.to_huggingface(model, tmp_path / "unmerged", tiny.tokenizer())
    compress.merge_lora(model)
    convert.to_huggingface(model, tmp_path / "merged", tiny.tokenizer())
    again = convert.from_pretrained(tmp_path / "merged").model
    np.testing.assert_allclose(predictions(again), predictions(model), atol=1e-5)


def test_set_weights_restores_what_get_weights_gave():
    model = adapted()
    before, weights = predictions(model), model.get_weights()
    train(model)
    assert np.abs(predictions(model) - before).max() > 1e-4
    model.set_weights(weights)
    np.testing.assert_array_equal(predictions(model), before)


def test_a_killed_run_goes_on_exactly(tmp_path):
    def run(directory, until):
        keras.utils.set_random_seed(0)
        model = classifier()
        compress.add_lora(model, rank=2)
        model.compile(training.adamw(1e-2, total_steps=6), loss(), run_eagerly=True)
        given = keras.tree.map_structure(lambda array: array[None], (features(model), np.array([0, 1, 1, 0])))
        batches = tf.data.Dataset.from_tensor_slices(given).repeat(6)
        training.Resume(directory, every=3).fit(model, batches.skip, until, steps_per_epoch=6, verbose=0)
        return model.get_weights()

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "killed", 3)
    for mine, theirs in zip(run(tmp_path / "killed", 6), whole, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_merging_in_half_precision_is_exact_in_the_kernel(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = adapted()
    finally:
        keras.config.set_dtype_policy("float32")
    query = model.get_layer("encoder").blocks[0].attention.query
    parts = (query._kernel, query.lora_kernel_a, query.lora_kernel_b)
    kernel, a, b = (weight.numpy().astype("float64") for weight in parts)
    compress.merge_lora(model)
    np.testing.assert_allclose(query.kernel.numpy(), kernel + 2 * a @ b, atol=1e-6)


def test_the_small_published_encoder_trains_under_two_hundredths_of_its_weights():
    """The sizes of all-MiniLM-L6-v2 by arithmetic: its embeddings and blocks would take seconds to make."""
    width, vocabulary, blocks, inner, rank = 384, 30522, 6, 1536, 8
    norm = 2 * width
    embeddings = (vocabulary + 512 + 2) * width + norm
    block = 4 * (width + 1) * width + 2 * width * inner + inner + width + 2 * norm
    head = (width + 1) * width + 2 * (width + 1)
    lora = blocks * 2 * rank * 2 * width
    assert (lora + head) / (embeddings + blocks * block + head + lora) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "rank=0"),
        ({"alpha": -1.0}, "alpha=-1.0"),
        ({"targets": ("query", "logits")}, "inner, key, outer, output, query, value"),
        ({"targets": ()}, r"Received: \[\]"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        compress.add_lora(classifier(), **arguments)


def test_lora_is_not_added_twice():
    model = classifier()
    compress.add_lora(model)
    with pytest.raises(ValueError, match="has LoRA matrices already"):
        compress.add_lora(model)


def test_there_is_nothing_to_merge_in_a_plain_model():
    with pytest.raises(ValueError, match="no LoRA matrices to merge"):
        compress.merge_lora(classifier())


def test_fit_asks_for_compile_after_adding_and_after_merging():
    model = classifier()
    for change in (compress.add_lora, compress.merge_lora):
        model.compile("sgd", loss())
        change(model)
        with pytest.raises(ValueError, match="compile"):
            model.fit(features(model), np.array([0, 1, 1, 0]), verbose=0)
