"""The matrix product against NumPy's, at every rank."""

import keras
import numpy as np
import pytest

from keras_bert_layers import ops

rng = np.random.default_rng(0)
KERNEL, BIAS = rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=3).astype("float32")


@pytest.mark.parametrize("shape", [(5, 4), (2, 5, 4), (2, 3, 5, 4), (0, 4), (2, 0, 4)], ids=str)
@pytest.mark.parametrize("activation", [None, keras.activations.relu])
@pytest.mark.parametrize("bias", [None, BIAS], ids=["no_bias", "bias"])
def test_linear(shape, activation, bias):
    x = rng.normal(size=shape).astype("float32")
    expected = x @ KERNEL + (0 if bias is None else bias)
    if activation is not None:
        expected = np.maximum(expected, 0)
    actual = ops.linear(x, KERNEL, bias, activation)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)
