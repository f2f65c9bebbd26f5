"""The README and the pages under docs/: their code runs, their output is real, their commands and links exist."""

import ast
import re
import subprocess

import docs_pages
import pytest

from keras_bert_layers import layers

README = docs_pages.ROOT / "README.md"
TRANSLATIONS = sorted((docs_pages.ROOT / "docs").glob("*.zh.md"))
# A translation has the code of its original, which is tested below: running it twice would show nothing new.
RUN = [
    pytest.param(page, marks=[pytest.mark.long] if page.stem in ("README", "quickstart") else [])
    for page in docs_pages.PAGES
    if page not in TRANSLATIONS and any(block.language == "python" for block in docs_pages.blocks(page))
]

SCRIPTS = [page for page in docs_pages.PAGES if any(block.language == "sh" for block in docs_pages.blocks(page))]

# Commands that continuous integration runs. A page may tell a reader to run these; another one needs a place here, and
# so a place there.
COMMANDS = {
    "pip install . && python examples/quickstart.py",
    "pip install '.[test]' && pytest",
    "mkdocs build --strict",
    "ruff check && ruff format --check",
}


def name(page):
    return str(page.relative_to(docs_pages.ROOT))


@pytest.mark.parametrize("page", RUN, ids=name)
def test_code_runs_and_prints_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown, printed = [], []
    for block, output in docs_pages.run(page)[0]:
        shown.append(f"line {block.line}\n{block.output or ''}")
        printed.append(f"line {block.line}\n{output}")
    assert printed == shown


@pytest.mark.parametrize("page", docs_pages.PAGES, ids=name)
def test_blocks_are_code_that_is_tested_or_output(page):
    assert {block.language for block in docs_pages.blocks(page)} <= {"python", "text", "bash", "sh", "yaml"}


@pytest.mark.parametrize("page", SCRIPTS, ids=name)
def test_scripts_are_correct_for_the_shell(page):
    """```sh holds what a reader adapts before running it; ```bash, what runs as it is."""
    for block in docs_pages.blocks(page):
        if block.language == "sh":
            checked = subprocess.run(["bash", "-n"], input=block.body, capture_output=True, text=True, check=False)
            assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("page", docs_pages.PAGES, ids=name)
def test_commands_are_ones_that_continuous_integration_runs(page):
    blocks = [block for block in docs_pages.blocks(page) if block.language == "bash"]
    commands = {line for block in blocks for line in block.body.splitlines() if line and not line.startswith("#")}
    assert commands <= COMMANDS


def test_readme_gives_the_two_commands_word_for_word():
    commands = [block.body.strip() for block in docs_pages.blocks(README) if block.language == "bash"]
    assert commands == ["pip install . && python examples/quickstart.py", "pip install '.[test]' && pytest"]


def test_readme_links_exist():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (docs_pages.ROOT / target).exists()] == []


def test_readme_table_names_every_layer_once():
    section = README.read_text(encoding="utf-8").split("\n## The layers\n")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(layers.__all__)


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=name)
def test_a_translation_has_the_code_and_output_of_its_original(translation):
    assert code(translation) == code(original(translation))


@pytest.mark.parametrize("translation", TRANSLATIONS, ids=name)
@pytest.mark.parametrize("pattern", [r"^#+ ", r"^\$\$$", r"^!\[", r"^\|", r"^- ", r"^\d+\. "])
def test_a_translation_has_as_many_headings_equations_and_lines_of_lists_as_its_original(translation, pattern):
    counts = [
        len(re.findall(pattern, docs_pages.FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE))
        for page in (translation, original(translation))
    ]
    assert counts[0] == counts[1]


def original(translation):
    return translation.with_name(translation.name.replace(".zh.md", ".md"))


def code(page):
    """The python blocks of a page without what may be translated, comments and docstrings, and the output they show."""
    blocks = [block for block in docs_pages.blocks(page) if block.language == "python"]
    trees = [ast.parse(block.body) for block in blocks]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value = ast.Constant("")
    return [(ast.unparse(tree), block.output) for tree, block in zip(trees, blocks, strict=True)]
