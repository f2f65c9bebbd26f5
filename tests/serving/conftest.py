"""Exports of tiny models, made once, and the C program that calls them."""

import functools
import shutil

import pytest
from c_loader import compile_caller
from served_models import export_tiny


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """`served(task)` is the export of that task in `served_models.TASKS`."""
    folder = tmp_path_factory.mktemp("served")
    return functools.cache(lambda task: export_tiny(task, folder))


@pytest.fixture(scope="session")
def c_caller(tmp_path_factory):
    """The program, compiled."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc, which is not on the PATH: the C program that loads SavedModels cannot be compiled")
    return compile_caller(tmp_path_factory.mktemp("c_caller"))
