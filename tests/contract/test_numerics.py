"""Contract: finite outputs in every precision, also for rows that are padding only; reduced precision is close."""

import keras
import numpy as np
import pytest
from registry import CASES

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
policies = pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])


def run(case, policy, scale=1.0):
    """The outputs under a policy, with the same weights whatever the policy."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    layer = case.build()
    inputs = {name: value * np.asarray(scale, value.dtype) for name, value in case.inputs().items()}
    if scale != 1.0:
        inputs = {name: inputs[name] if inputs[name].dtype.kind == "f" else case.inputs()[name] for name in inputs}
    return layer, keras.tree.map_structure(lambda x: x, layer(**inputs))


@cases
@policies
def test_outputs_are_finite_and_in_the_compute_dtype(case, policy):
    layer, outputs = run(case, policy)
    outputs = keras.tree.flatten(outputs)
    dtypes = case.dtype if isinstance(case.dtype, tuple) else (case.dtype,) * len(outputs)
    for output, dtype in zip(outputs, dtypes, strict=True):
        assert keras.backend.standardize_dtype(output.dtype) == (dtype or layer.compute_dtype)
        assert np.isfinite(np.asarray(keras.ops.cast(output, "float32"))).all()


@cases
@policies
def test_large_inputs_stay_finite(case, policy):
    _, outputs = run(case, policy, scale=200.0)
    for output in keras.tree.flatten(outputs):
        assert np.isfinite(np.asarray(keras.ops.cast(output, "float32"))).all()


@cases
@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_bfloat16", 0.06), ("mixed_float16", 0.008)])
def test_reduced_precision_is_close_to_float32(case, policy, tolerance):
    _, expected = run(case, "float32")
    _, actual = run(case, policy)
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(keras.ops.cast(x, "float32"), y, rtol=tolerance, atol=tolerance),
        actual,
        expected,
    )
