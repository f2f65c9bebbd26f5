"""Contract: no public layer is left out of the suites."""

import inspect

import keras
from registry import CASES

from keras_bert_layers import layers


def test_every_public_layer_has_a_case():
    covered = {type(case.build()).__name__ for case in CASES}
    assert covered == set(layers.__all__)


def test_every_public_name_is_a_keras_layer_in_a_file_of_its_own():
    for name in layers.__all__:
        layer = getattr(layers, name)
        assert issubclass(layer, keras.layers.Layer)
        module = inspect.getmodule(layer)
        assert module.__name__.rsplit(".", 1)[1].replace("_", "").lower() == name.lower()


def test_case_names_are_unique():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
