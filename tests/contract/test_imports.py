"""Contract: folders import downwards only, heavy packages stay where they belong, and the package itself is light."""

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "keras_bert_layers"
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))

# Which part may import which, inside the package (docs/design.md). A part is a folder, or a file that stands apart from
# its folder. Every part may import itself.
MAY_IMPORT = {
    "__init__": {"version"},
    "version": set(),
    "ops": set(),
    "models/config": {"models/presets", "models/model_config"},
    "models/model_config": set(),
    "models/presets": set(),
    "data/records/schema": set(),
    "layers": {"ops"},
    "text": {"ops"},
    "training": {"ops", "version"},
    "distribute": {"ops", "version"},
    "data": {"ops", "text", "data/records/schema", "data/records/beam"},
    "data/records/beam": {"data"},
    "models": {"layers", "ops", "models/config", "models/model_config", "models/presets"},
    "convert": {"models", "models/config", "models/presets", "layers", "text", "version"},
    "interpret": {"models", "models/config", "layers", "ops", "training"},
    "compress": {"models", "models/config", "layers", "ops", "training"},
    "serving": {"models", "models/config", "text", "ops", "version"},
}

# Packages that are heavy, optional or tied to one place: the parts that may import them at all.
ONLY_IN = {
    "tensorflow_text": ("text",),
    "apache_beam": ("data/records/beam",),
    "tensorflow_serving": ("serving",),
    "transformers": (),
    "torch": (),
}


def test_every_part_has_a_row_in_the_table():
    assert {part_of_file(file) for file in FILES} <= set(MAY_IMPORT)


def test_every_file_imports_only_parts_below_its_own():
    wrong = [
        f"{part_of_file(file)} imports {name}"
        for file in FILES
        for name, _ in imports(file)
        if name.split(".")[0] == PACKAGE
        and part_of(name.split(".")) not in MAY_IMPORT[part_of_file(file)] | {part_of_file(file)}
    ]
    assert wrong == []


def test_no_file_imports_by_relative_name():
    wrong = [file for file in FILES for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom) and node.level]
    assert wrong == []


def test_heavy_packages_are_imported_only_where_they_belong():
    wrong = [
        f"{part_of_file(file)} imports {name}"
        for file in FILES
        for name, _ in imports(file)
        if part_of_file(file) not in ONLY_IN.get(name.split(".")[0], MAY_IMPORT)
    ]
    assert wrong == []


def test_parts_below_everything_import_neither_keras_nor_tensorflow():
    wrong = [
        f"{part_of_file(file)} imports {name}"
        for file in FILES
        for name, _ in imports(file)
        if part_of_file(file) in ("__init__", "models/config", "models/presets")
        and name.split(".")[0] in ("keras", "tensorflow")
    ]
    assert wrong == []


def test_keras_hub_is_imported_lazily():
    wrong = [
        f"{part_of_file(file)} imports {name}"
        for file in FILES
        for name, lazy in imports(file)
        if name.split(".")[0] in ("keras_nlp", "keras_hub") and not lazy
    ]
    assert wrong == []


def test_layers_import_no_tensorflow():
    wrong = [
        f"{file.name} imports {name}"
        for file in FILES
        for name, _ in imports(file)
        if part_of_file(file) == "layers" and name.split(".")[0] == "tensorflow"
    ]
    assert wrong == []


def test_the_package_imports_neither_tensorflow_nor_keras():
    code = f"import sys, {PACKAGE}; print(*sorted({{'tensorflow', 'keras', 'numpy'}} & set(sys.modules)))"
    assert run(code) == ""


def test_the_package_is_imported_in_less_than_50_milliseconds():
    code = f"import time; start = time.perf_counter(); import {PACKAGE}; print(time.perf_counter() - start)"
    # The fastest of five, since the machine may be busy with something else in any one of them.
    assert min(float(run(code)) for _ in range(5)) < 0.05


def test_no_file_has_more_than_300_lines():
    assert [file for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > 300] == []


def test_no_file_is_a_drawer_for_anything():
    assert [file for file in FILES if file.stem in ("utils", "util", "common", "helpers", "misc")] == []


def part_of_file(file: Path) -> str:
    return part_of(file.relative_to(ROOT).with_suffix("").parts)


def part_of(names: tuple[str, ...] | list[str]) -> str:
    """The row of MAY_IMPORT that a module's names (keras_bert_layers, folder, file, ...) belong to."""
    own = next((own for end in (4, 3) if (own := "/".join(names[1:end])) in MAY_IMPORT), None)
    if own is not None:
        return own
    return names[1] if len(names) > 1 else "__init__"


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """The full name of everything that a file imports, and whether it does so inside a function."""
    inside_functions = {
        id(node)
        for function in ast.walk(tree(file))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inside_functions
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in inside_functions


@functools.cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
