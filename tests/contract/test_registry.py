"""Contract: no public layer is left out of the suites."""

import inspect

import keras
from registry import CASES

from keras_bert_layers import layers


def test_every_public_layer_has_a_case():
    covered = {layer.__name__ for case in CASES for layer in case.covers or (type(case.build()),)}
    assert covered == set(layers.__all__)


def test_a_case_that_stands_for_other_layers_contains_them():
    for case in CASES:
        parts = {type(part) for part in case.build()._flatten_layers()}
        assert parts.issuperset(case.covers or ())


def test_every_public_name_is_a_keras_layer_in_a_file_of_its_own():
    for name in layers.__all__:
        layer = getattr(layers, name)
        assert issubclass(layer, keras.layers.Layer)
        module = inspect.getmodule(layer)
        assert module.__name__.rsplit(".", 1)[1].replace("_", "").lower() == name.lower()


def test_case_names_are_unique():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
