"""The documentation as a site: it builds without a warning, shows every public name, and needs nothing from outside."""

import importlib
import importlib.util
import re
import subprocess
import sys

import docs_pages
import pytest

import keras_bert_layers

NEEDED = ("mkdocs", "material", "mkdocstrings", "latex2mathml")
missing = [package for package in NEEDED if importlib.util.find_spec(package) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed: pip install '.[docs]'")

NAMESPACES = [name for name in keras_bert_layers.__all__ if name != "__version__"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=docs_pages.ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def pages(site):
    return {str(page.relative_to(site)): page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_public_name_is_on_its_page(site, namespace):
    page = site / ("layers" if namespace == "layers" else f"api/{namespace}") / "index.html"
    html = page.read_text(encoding="utf-8")
    names = importlib.import_module(f"keras_bert_layers.{namespace}").__all__
    shown = {
        identifier.rsplit(".", 1)[1]
        for identifier in re.findall(rf'id="(keras_bert_layers\.{namespace}\.[\w.]+)"', html)
    }
    assert set(names) - shown == set()


def test_pages_load_nothing_from_the_network(site):
    loading = re.compile(
        r"<(?:script|img|iframe)[^>]*src=\"(?:https?:)?//|<link[^>]*stylesheet[^>]*href=\"(?:https?:)?//"
    )
    assert [name for name, html in pages(site).items() if loading.search(html)] == []


def test_equations_are_rendered(site):
    left_over = re.compile(r"arithmatex|\\operatorname|\$\$")
    assert [name for name, html in pages(site).items() if left_over.search(html)] == []
    assert pages(site)["how-bert-works/index.html"].count("<math") > 50
