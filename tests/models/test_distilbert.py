"""DistilBERT: no segments, and a pooler of another kind."""

import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import models

FEATURES = {
    "token_ids": np.array([[2, 5, 6, 3], [2, 7, 3, 0]], "int32"),
    "segment_ids": np.array([[0, 0, 1, 1], [0, 0, 0, 0]], "int32"),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], "int32"),
}


def test_it_has_no_segments_and_no_pooler():
    encoder = models.distilbert_encoder(tiny.config(num_segments=0))
    assert encoder.get_layer("embeddings").segment_embedding is None
    assert set(encoder.output) == {"sequence_output"}
    assert models.config_of(encoder) == tiny.config(num_segments=0)


def test_its_pooler_is_rectified():
    encoder = randomized(models.distilbert_encoder(tiny.config(num_segments=0), pooler=True))
    outputs = encoder(FEATURES)
    dense = encoder.get_layer("pooler").dense
    first = np.asarray(outputs["sequence_output"])[:, 0]
    expected = np.maximum(first @ np.asarray(dense.kernel) + np.asarray(dense.bias), 0)
    np.testing.assert_allclose(outputs["pooled_output"], expected, atol=1e-6)
    assert np.min(expected) == 0.0


def test_it_has_as_many_parameters_as_the_published_model():
    # Sanh et al. 2019, table 3: 66 million.
    config = models.BertConfig(num_layers=6, num_segments=0)
    assert models.distilbert_encoder(config).count_params() == 66_362_880


def test_a_config_with_segments_is_refused():
    with pytest.raises(ValueError, match=r"no segments: .*num_segments=0. Received: 2"):
        models.distilbert_encoder(tiny.config())


def test_a_config_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="must be a BertConfig"):
        models.distilbert_encoder({"num_segments": 0})
