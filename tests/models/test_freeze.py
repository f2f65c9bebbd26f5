"""Freezing: which weights training changes, now and after loading."""

import keras
import numpy as np
import pytest
import tiny

from keras_bert_layers import compress, models

MODERN = models.ModernBertConfig(vocabulary_size=15, hidden_dim=8, num_layers=2, num_heads=2, intermediate_dim=6)
SHARED = {"vocabulary_size": 15, "hidden_dim": 8, "num_heads": 2, "intermediate_dim": 16, "max_sequence_length": 16}
ALBERT = models.AlbertConfig(**SHARED, embedding_dim=4, num_layers=4)
ENCODERS = {
    "bert": lambda: models.bert_encoder(tiny.config()),
    "electra": lambda: models.electra_encoder(tiny.config(embedding_dim=4), pooler=True),
    "modernbert": lambda: models.modernbert_encoder(MODERN, pooler=True),
    "albert": lambda: models.albert_encoder(ALBERT),
}
families = pytest.mark.parametrize("family", ENCODERS)


def classifier(family="bert"):
    return models.text_classifier(ENCODERS[family](), num_classes=2)


def features(model, rows=2):
    return {name: np.ones((rows, 4), "int32") for name in model.input}


def changed_by_training(model):
    """The paths of the weights that one step changes."""
    rng = np.random.default_rng(0)
    before = {weight.path: weight.numpy() for weight in model.weights}
    model.compile(keras.optimizers.SGD(1.0), loss="mse", run_eagerly=True)
    model.train_on_batch(features(model), rng.normal(size=(2, 2)))
    return {weight.path for weight in model.weights if np.any(before[weight.path] != weight.numpy())}


@families
def test_training_leaves_what_is_frozen(family):
    model = classifier(family)
    models.freeze(model, blocks=1)
    changed = changed_by_training(model)
    assert not any(path.startswith(("embeddings/", "encoder/block_0/", "encoder/group_0_block_0/")) for path in changed)
    assert "classification/logits/kernel" in changed


def test_blocks_above_are_trained():
    model = classifier()
    models.freeze(model, blocks=1)
    assert any(path.startswith("encoder/block_1/") for path in changed_by_training(model))


def test_embeddings_can_be_trained_under_frozen_blocks():
    model = classifier()
    models.freeze(model, blocks=None, embeddings=False)
    changed = changed_by_training(model)
    assert any(path.startswith("embeddings/") for path in changed)
    assert not any(path.startswith("encoder/") for path in changed)


@families
def test_a_loaded_model_is_frozen_in_the_same_places(family, tmp_path):
    model = classifier(family)
    models.freeze(model, blocks=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert [w.path for w in again.trainable_weights] == [w.path for w in model.trainable_weights]


def test_a_layer_made_frozen_has_no_weight_to_train():
    model = models.bert_encoder(tiny.config(), pooler=False)
    embeddings = model.get_layer("embeddings")
    frozen = type(embeddings).from_config({**embeddings.get_config(), "trainable": False})
    frozen.build((None, None))
    assert len(frozen.weights) == 5
    assert not any(weight.trainable for weight in frozen.weights)


def test_unfreezing_trains_all_again():
    model = classifier()
    paths = [weight.path for weight in model.trainable_weights]
    models.freeze(model, blocks=None)
    assert models.unfreeze(model).trained == models.count_weights(model).total
    assert [weight.path for weight in model.trainable_weights] == paths


def test_the_count_is_that_of_the_arrays():
    model = classifier()
    count = models.freeze(model, blocks=1)
    sizes = {weight.path: weight.numpy().size for weight in model.weights}
    trained = sum(size for path, size in sizes.items() if not path.startswith(("embeddings/", "encoder/block_0/")))
    assert count == (trained, sum(sizes.values()))
    assert str(count).startswith(f"{trained:,} of {sum(sizes.values()):,} weights are trained (")


def test_the_matrix_of_a_tied_head_is_frozen_with_the_embeddings():
    model = models.masked_lm(models.bert_encoder(tiny.config(), pooler=False))
    models.freeze(model)
    assert "embeddings/token_embedding/embeddings" not in {weight.path for weight in model.trainable_weights}


def test_the_dropout_of_frozen_blocks_goes_on():
    model = models.bert_encoder(tiny.config(dropout=0.5), pooler=False)
    models.freeze(model, blocks=None)
    inputs = features(model)
    first, second = (np.array(model(inputs, training=True)["sequence_output"]) for _ in range(2))
    assert np.any(first != second)


def test_fit_asks_for_compile_after_freezing():
    model = classifier()
    model.compile("sgd", "mse")
    model.fit(features(model), np.zeros((2, 2)), verbose=0)
    models.freeze(model)
    with pytest.raises(ValueError, match="compile"):
        model.fit(features(model), np.zeros((2, 2)), verbose=0)


@pytest.mark.parametrize(
    ("family", "blocks", "message"),
    [
        ("bert", 3, "has 2 blocks .* Received: 3. Choose 0 to 2"),
        ("bert", -1, "Received: -1"),
        ("albert", 2, "has 1 blocks .* applies 4 times"),
    ],
)
def test_more_blocks_than_there_are_are_refused(family, blocks, message):
    with pytest.raises(ValueError, match=message):
        models.freeze(classifier(family), blocks=blocks)


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="`embeddings`"):
        models.freeze(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))


def test_unfreezing_under_lora_is_refused():
    model = classifier()
    compress.add_lora(model, rank=2)
    with pytest.raises(ValueError, match="merge_lora"):
        models.unfreeze(model)
