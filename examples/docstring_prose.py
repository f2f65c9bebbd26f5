"""What the docstrings of Python source files say in prose, without code, tables, titles, types, links and licences.

`installed_prose` runs this file in interpreters of their own; it needs the standard library alone.
"""

import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_SKIPPED_FOLDERS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "_vendor"}
_SKIPPED_FILE = re.compile(r"^test_|_test\.py$|^conftest\.py$")

_DIRECTIVE = re.compile(r"\.\. ([\w-]+)::|\.\. ")
_DIRECTIVES_OF_PROSE = re.compile(r"note|warning|tip|important|caution|seealso|attention|hint|deprecated|version\w+")
_UNDERLINE = re.compile(r"[-=~^*#\"'`+._]{3,}$")
_TABLE = re.compile(r"\+[-=+]{3,}|\|.*\||={3,}\s+=|-{3,}\s+-")
_HEADING = re.compile(r"#+ .*|[A-Z][\w ]{0,40}:")
_NUMPY_PARAMETER = re.compile(r"[\w*`'\", ./{}-]{1,60} : \S.*|\**\w+(, \**\w+)*")
# A list item, `:param name:`, `@param name:`, or the `name (type):` of a Google-style argument.
_MARKER = re.compile(r"([*•+-]|\(?\d{1,2}[.)]|:\w+( [\w.]+)*:|@\w+( \w+)?:|\**`?\w+`?( \([^)]*\))?:)\s+(?=\S)")
_MARKUP = [
    (re.compile(r"`(\w+)'"), r"\1"),  # `name'
    (re.compile(r":[a-z:]+:`~?([^`<]+?)(\s*<[^`]*>)?`"), r"\1"),  # :func:`name`
    (re.compile(r"!?\[([^\]]+)\]\([^)]*\)"), r"\1"),  # [text](link)
    (re.compile(r"`([^`<]+?)\s*<[^`]*>`_*"), r"\1"),  # `text <link>`_
    (re.compile(r"(https?|ftp)://\S*[\w/]|www\.\S*\w"), ""),
    (re.compile(r"\s*\[[\w#*]+\]_"), ""),  # [1]_
    (re.compile(r"`+([^`]*)`+_*"), r"\1"),
    (re.compile(r"(?<!\w)\*\*?([^*\s][^*]*?)\*\*?(?!\w)"), r"\1"),
    (re.compile(r"\s*(\(\s*\)|<\s*>)(?!\w)"), ""),
    (re.compile(r"\s*::?$"), "."),
    (re.compile(r"\s+"), " "),
]
_LICENCE = re.compile(r"copyright|licen[sc]ed? under|all rights reserved|without warrant|redistribut", re.IGNORECASE)
_SYMBOL = re.compile(r"[=\[\]{}<>\\/|@#$%^&*+~_]")
_WORD = re.compile(r"(?<![\w.])[A-Za-z][a-z'’-]*(?![\w(]|\.\w)")
_FUNCTION_WORD = re.compile(
    r"\b(the|a|an|of|to|is|are|was|be|in|on|and|or|for|this|that|it|if|by|with|from|as|at|not|can|will|when)\b"
)


def source_files(root: Path) -> list[Path]:
    """All Python files below a folder that are not tests, in sorted order."""
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
        files += [
            Path(folder, name) for name in sorted(names) if name.endswith(".py") and not _SKIPPED_FILE.search(name)
        ]
    return files


def docstrings(source: bytes) -> Iterator[str]:
    """The docstrings of a module, its classes and functions; NumPy's `add_newdoc` texts; the language reference."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a template, or written for another Python: no source of prose
        return
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if text := ast.get_docstring(node):
                    yield text
            case ast.Expr(value=ast.Call(func=ast.Name(id="add_newdoc"), args=[*_, documentation])):
                yield from map(inspect.cleandoc, _strings(documentation))
            case ast.Assign(targets=[ast.Name(id="topics")], value=ast.Dict(values=topics)):
                yield from (text for topic in topics for text in _strings(topic))
        nodes += reversed([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])


def _strings(node: ast.expr) -> list[str]:
    return [leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]


def paragraphs_of_prose(docstring: str) -> list[str]:
    """The paragraphs, list items and parameter descriptions that read like prose, each on one line.

    Example:
        >>> paragraphs_of_prose("Adds two numbers.\\n\\n>>> add(1, 2)\\n3\\n\\nArgs:\\n    x: The first of `them`.")
        ['Adds two numbers.', 'The first of them.']
    """
    lines = _without_code(docstring.expandtabs().splitlines())
    cleaned = (_without_markup(" ".join(block)) for block in _blocks(lines))
    return [text for text in cleaned if reads_like_prose(text)]


def reads_like_prose(text: str) -> bool:
    """At least three ordinary words, few symbols, and a function word or no odd word at all; no licence."""
    words = _WORD.findall(text)
    return (
        len(words) >= 3
        and sum(map(len, words)) >= 0.6 * len(text.replace(" ", ""))
        and len(_SYMBOL.findall(text)) <= 0.03 * len(text)
        and (bool(_FUNCTION_WORD.search(text)) or len(words) == len(text.split()))
        and not _LICENCE.search(text)
    )


def _without_code(lines: Iterable[str]) -> Iterator[str]:
    """Blank lines in place of fenced and literal blocks, doctests and directives that hold no prose."""
    fenced = doctest = False
    literal_below = None  # a literal block is what stands deeper than the line that opened it
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        directive = _DIRECTIVE.match(text)
        if text.startswith(("```", "~~~")):
            fenced, line = not fenced, ""
        elif fenced:
            line = ""
        else:
            if literal_below is not None and text and indent <= literal_below:
                literal_below = None
            doctest = text.startswith(">>>") or (doctest and bool(text))
            if literal_below is not None or doctest:
                line = ""
            elif directive:
                if not _DIRECTIVES_OF_PROSE.fullmatch(directive[1] or ""):
                    literal_below = indent
                line = ""
            elif text.endswith("::"):
                literal_below = indent
        yield line


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """The lines of each paragraph; a list item or an argument's description is a paragraph, a title is none."""
    block: list[str] = []
    depth = None  # of the block's lines; unknown until the second line of an item
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        moved = depth is not None and indent != depth
        if _UNDERLINE.match(text):
            block = []  # the title above it
            continue
        parameter = _NUMPY_PARAMETER.fullmatch(text) and (moved or not block)
        marker = _MARKER.match(text)
        breaks = not text or _TABLE.match(text) or _HEADING.fullmatch(text) or parameter
        if block and (breaks or marker or moved):
            yield block
            block = []
        if breaks:
            depth = None
        else:
            block.append(text[marker.end() :] if marker else text)
            depth = None if marker else indent
    if block:
        yield block


def _without_markup(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.strip()


def extract(roots: list[tuple[str, str]], share: int, shares: int) -> list:
    """Every `shares`-th file from `share` on, as rows to be sorted: [library index, file index, index,
    library, part, paragraphs]."""
    rows = []
    for library_index, (library, root) in enumerate(roots):
        for file_index, file in list(enumerate(source_files(Path(root))))[share::shares]:
            part = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            for index, text in enumerate(docstrings(file.read_bytes())):
                if paragraphs := paragraphs_of_prose(text):
                    rows.append([library_index, file_index, index, library, part, paragraphs])
    return rows


if __name__ == "__main__":
    roots, share, shares = map(json.loads, sys.argv[1:])
    json.dump(extract(roots, share, shares), sys.stdout)
