"""Probes read what is there and not what is not; neighbours and projector files are what they say."""

import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, models


def features(count, seed):
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(5, 15, (count, 6)).astype("int32")
    padding_mask = (np.arange(6) < rng.integers(3, 7, (count, 1))).astype("int32")
    return {"token_ids": token_ids * padding_mask, "segment_ids": 0 * token_ids, "padding_mask": padding_mask}


@pytest.fixture(scope="module")
def encoder():
    return randomized(models.bert_encoder(tiny.config(hidden_dim=16)))


def of_tokens(label_of):
    train, test = features(150, 1), features(60, 2)
    return [(each, np.where(each["padding_mask"], label_of(each["token_ids"]), -1)) for each in (train, test)]


def test_what_the_tokens_are_is_read_from_the_embeddings(encoder):
    probes = interpret.probe_layers(encoder, *of_tokens(lambda ids: ids % 2), epochs=15)
    assert probes.accuracy.shape == probes.control.shape == (3,)
    assert probes.accuracy[0] > 0.95
    assert 0.4 < probes.majority < 0.65


def test_what_is_not_there_is_not_read(encoder):
    noise = np.random.default_rng(0)
    probes = interpret.probe_layers(encoder, *of_tokens(lambda ids: noise.integers(0, 2, ids.shape)), epochs=6)
    assert probes.accuracy.max() < 0.65


def test_a_probe_of_few_tokens_learns_a_control_task_by_heart(encoder):
    """Ten tokens with random labels in 16 dimensions are separable: high accuracy says nothing here."""
    probes = interpret.probe_layers(encoder, *of_tokens(lambda ids: ids % 2), epochs=15)
    assert probes.control[0] > 0.9
    np.testing.assert_allclose(probes.selectivity, probes.accuracy - probes.control)


def test_a_probe_agrees_with_scikit_learn(encoder):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn: pip install scikit-learn")
    (train, y), (test, y_test) = [
        (each, (each["token_ids"] == 7).any(-1).astype(int)) for each in (features(300, 1), features(200, 2))
    ]
    probes = interpret.probe_layers(encoder, (train, y), (test, y_test), epochs=40, batch_size=32, learning_rate=0.05)
    seen = interpret.attention_model(encoder)

    def means(given):
        mask = given["padding_mask"][:, None, :, None]
        return (np.asarray(seen(given)["hidden_states"]) * mask).sum(2) / mask.sum(2)

    x, x_test = means(train), means(test)
    for layer in range(3):
        scale = x[:, layer].std(0) + 1e-6
        theirs = linear_model.LogisticRegression(C=10, max_iter=200).fit(x[:, layer] / scale, y)
        assert probes.accuracy[layer] == pytest.approx(theirs.score(x_test[:, layer] / scale, y_test), abs=0.08)


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [(np.zeros((4, 3)), {}, "one for a text"), (np.zeros(4, int), {"pooling": "max"}, "one of cls, mean")],
)
def test_labels_and_pooling_must_fit(encoder, labels, settings, message):
    examples = features(4, 1), labels
    with pytest.raises(ValueError, match=message):
        interpret.probe_layers(encoder, examples, examples, **settings)


def test_nearest_is_by_cosine_and_not_by_length():
    vectors = np.array([[10.0, 0.1], [0.0, 5.0], [1.0, 1.0], [-1.0, 0.0]])
    numbers, cosines = interpret.nearest(vectors, np.array([[1.0, 0.0], [0.0, 1.0]]), count=2)
    assert numbers.tolist() == [[0, 2], [1, 2]]
    np.testing.assert_allclose(cosines[0], [10 / np.hypot(10, 0.1), 2**-0.5], rtol=1e-6)
    with pytest.raises(ValueError, match="of one width"):
        interpret.nearest(vectors, np.ones((1, 3)))


def test_tokens_with_one_vector_are_nearest(encoder):
    table = encoder.get_layer("embeddings").token_embedding.embeddings
    values = np.array(table)
    values[tiny.VOCABULARY.index("good")] = 2 * values[tiny.VOCABULARY.index("bad")]
    table.assign(values)
    found = interpret.nearest_tokens(encoder, tiny.tokenizer(), ["bad"], count=2)
    assert found["bad"][0] == ("good", pytest.approx(1.0, abs=1e-6))
    assert len(found["bad"]) == 2


def test_projector_files_hold_every_vector_and_label(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    interpret.write_projector(tmp_path, vectors, {"token": ["a", "b\tc", "d\ne"], "kind": [1, 2, 3]}, name="tokens")
    interpret.write_projector(tmp_path, vectors, ["x", "y", "z"], name="texts")
    np.testing.assert_allclose(np.loadtxt(tmp_path / "tokens_tensors.tsv", delimiter="\t"), vectors, rtol=1e-6)
    assert (tmp_path / "tokens_metadata.tsv").read_text() == "token\tkind\na\t1\nb c\t2\nd e\t3\n"
    assert (tmp_path / "texts_metadata.tsv").read_text() == "x\ny\nz\n"
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert [line.split('"')[1] for line in config.splitlines() if "tensor_name" in line] == ["tokens", "texts"]
    assert 'tensor_path: "texts_tensors.tsv"' in config
    with pytest.raises(ValueError, match="2 labels"):
        interpret.write_projector(tmp_path, vectors, ["a", "b"])
