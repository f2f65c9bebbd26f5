"""The examples in the docstrings of the whole package."""

import doctest
import importlib
import pkgutil

import pytest

import keras_bert_layers

MODULES = [
    module.name
    for module in pkgutil.walk_packages(keras_bert_layers.__path__, "keras_bert_layers.")
    if not module.ispkg
]
NAMESPACES = [name for name in keras_bert_layers.__all__ if name != "__version__"]


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module):
    # An example sees the names of its own module and imports all others, as its reader has to.
    report = doctest.testmod(importlib.import_module(module), verbose=False, report=True)
    assert report.failed == 0


def undocumented():
    for namespace in NAMESPACES:
        module = importlib.import_module(f"keras_bert_layers.{namespace}")
        for name in module.__all__:
            public = getattr(module, name)
            if callable(public) and not (public.__doc__ or "").strip():
                yield f"{namespace}.{name}"


def test_every_public_name_has_a_docstring():
    assert list(undocumented()) == []


def test_every_public_class_and_maker_shows_an_example():
    # Operations are shown by the layers that call them.
    without = [
        f"{namespace}.{name}"
        for namespace in NAMESPACES
        if namespace != "ops"
        for name in importlib.import_module(f"keras_bert_layers.{namespace}").__all__
        for public in [getattr(importlib.import_module(f"keras_bert_layers.{namespace}"), name)]
        if callable(public) and ">>> " not in (public.__doc__ or "")
    ]
    assert without == []
