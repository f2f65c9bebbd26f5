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
# Shown in use elsewhere: operations by the layers that call them, a result by the function that returns it.
SHOWN_ELSEWHERE = {"ops.", "data.SentencePairs"}


def public_objects():
    for namespace in NAMESPACES:
        module = importlib.import_module(f"keras_bert_layers.{namespace}")
        yield from ((f"{namespace}.{name}", getattr(module, name)) for name in module.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module):
    # An example sees the names of its own module and imports all others, as its reader has to.
    report = doctest.testmod(importlib.import_module(module), verbose=False, report=True)
    assert report.failed == 0


def test_every_public_class_and_function_has_a_docstring():
    without = [name for name, public in public_objects() if callable(public) and not (public.__doc__ or "").strip()]
    assert without == []


def test_every_public_class_and_function_shows_an_example():
    without = [name for name, public in public_objects() if callable(public) and ">>> " not in (public.__doc__ or "")]
    assert [name for name in without if not name.startswith(tuple(SHOWN_ELSEWHERE))] == []
