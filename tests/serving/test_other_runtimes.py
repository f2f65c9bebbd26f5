"""The model behind the strings in another runtime: LiteRT, which comes with TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import TASKS

FEATURES = {
    "token_ids": np.array([[2, 5, 8, 10, 3, 0], [2, 7, 3, 0, 0, 0]], "int32"),
    "segment_ids": np.zeros((2, 6), "int32"),
    "padding_mask": np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]], "int32"),
}


@pytest.mark.long
def test_litert_answers_like_the_model_at_fixed_shapes(tmp_path):
    model = TASKS["single_label"]()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.get_weights()])
    features = {name: FEATURES[name] for name in model.input}
    signature = [
        {name: keras.InputSpec(shape=value.shape, dtype="int32", name=name) for name, value in features.items()}
    ]
    model.export(tmp_path / "model.tflite", format="litert", input_signature=signature, verbose=False)
    runner = tf.lite.Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    (logits,) = runner(**features).values()
    np.testing.assert_allclose(logits, model(features, training=False), rtol=0, atol=1e-5)
