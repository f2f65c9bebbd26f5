"""Contract: a layer is remade from its config, and building it leaves the config alone."""

import inspect
import json

import keras
import numpy as np
import pytest
from registry import CASES

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def constructor_arguments(layer_class):
    """Every argument of the constructor, unless it is Keras' own (which has a few that it writes only when used)."""
    if not layer_class.__init__.__module__.startswith("keras_bert_layers"):
        return set()
    parameters = inspect.signature(layer_class.__init__).parameters
    return {name for name, value in parameters.items() if value.kind is value.POSITIONAL_OR_KEYWORD} - {"self"}


@cases
def test_config_holds_every_argument(case):
    layer = case.build()
    assert constructor_arguments(type(layer)) <= set(layer.get_config())


@cases
def test_building_leaves_the_config_alone(case):
    layer = case.build()
    before = layer.get_config()
    layer(**case.inputs())
    assert layer.get_config() == before


@cases
def test_config_survives_json_and_remakes_the_same_layer(case):
    layer = case.build()
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@cases
def test_remade_layer_with_the_same_weights_gives_equal_outputs(case):
    layer, inputs = case.build(), case.inputs()
    expected = layer(**inputs)
    again = type(layer).from_config(layer.get_config())
    again(**inputs)
    again.set_weights(layer.get_weights())
    keras.tree.map_structure(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-6), again(**inputs), expected
    )
