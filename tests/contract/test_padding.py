"""Contract: what stands in padded positions never changes the output of a real one."""

import keras
import numpy as np
import pytest
from registry import CASES, LENGTH, padding_mask

mixing = pytest.mark.parametrize("case", [c for c in CASES if c.mixes_positions], ids=lambda case: case.name)


def real_outputs(output):
    """The values of an output that belong to real tokens: rows with any, and positions where there are positions."""
    output, real = np.asarray(output), padding_mask().astype(bool)
    return output[real] if output.ndim > 1 and output.shape[1] == LENGTH else output[real.any(axis=1)]


def with_other_padding(inputs):
    """The same real tokens with large values in every padded position."""
    real = padding_mask().astype(bool)
    changed = inputs["inputs"].copy()
    changed[~real] = 50.0
    return {**inputs, "inputs": changed}


@mixing
def test_a_mixing_layer_takes_a_padding_mask(case):
    assert "padding_mask" in case.inputs()


@mixing
def test_padding_never_changes_a_real_position(case):
    layer, inputs = case.build(), case.inputs()
    expected = layer(**inputs)
    actual = layer(**with_other_padding(inputs))
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(real_outputs(x), real_outputs(y), rtol=0, atol=1e-6), actual, expected
    )


@mixing
def test_without_its_masks_the_same_change_is_seen(case):
    """The test above can fail: padding values do reach real positions when no mask says otherwise."""
    layer, inputs = case.build(), case.inputs()
    layer(**inputs)
    unmasked = {"inputs": inputs["inputs"]}
    changed = {"inputs": with_other_padding(inputs)["inputs"]}
    different = [
        np.abs(real_outputs(x) - real_outputs(y)).max()
        for x, y in zip(keras.tree.flatten(layer(**unmasked)), keras.tree.flatten(layer(**changed)), strict=True)
    ]
    if type(layer).__name__ == "SpanHead":
        pytest.skip("positions do not mix in a span head's logits; its softmax over positions is what the mask is for")
    assert max(different) > 1e-4


@mixing
def test_an_implicit_keras_mask_does_the_same(case):
    layer = case.build()
    inputs = {"inputs": case.inputs()["inputs"]}
    explicit = layer(**inputs, padding_mask=padding_mask())
    tensor = keras.ops.convert_to_tensor(inputs["inputs"])
    keras.src.backend.set_keras_mask(tensor, keras.ops.cast(padding_mask(), "bool"))
    implicit = layer(tensor)
    keras.tree.map_structure(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-6), implicit, explicit)


@pytest.mark.parametrize("case", [c for c in CASES if c.keeps_mask], ids=lambda case: case.name)
def test_an_implicit_mask_is_passed_on(case):
    inputs = case.inputs()
    first = next(iter(inputs))
    if inputs[first].ndim < 2 or inputs[first].shape[1] != LENGTH:
        pytest.skip("the layer takes no sequence")
    tensor = keras.ops.convert_to_tensor(inputs[first])
    keras.src.backend.set_keras_mask(tensor, keras.ops.cast(padding_mask(), "bool"))
    output = case.build()(tensor)
    np.testing.assert_array_equal(keras.src.backend.get_keras_mask(output), padding_mask().astype(bool))
