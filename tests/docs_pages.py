"""The Markdown pages as programs: their code blocks, run in order, and the output that each one shows.

A page's ```python blocks share one namespace and run from top to bottom. A ```text block right after a ```python block
is what that one prints. `python tests/docs_pages.py docs/PAGE.md` writes the output blocks anew after a change of code.
"""

import contextlib
import io
import re
import sys
import tempfile
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, the line of the page it begins on, and the output shown under it."""

    language: str
    body: str
    line: int
    output: str | None = None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    matches = list(FENCE.finditer(text))
    found = []
    for match, following in zip_longest(matches, matches[1:]):
        shown = following is not None and following["language"] == "text"
        shown = shown and not text[match.end() : following.start()].strip()
        output = following["body"] if shown and match["language"] == "python" else None
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["language"], match["body"], line, output))
    return found


def run(page: Path) -> tuple[list[tuple[Block, str]], dict]:
    """Every python block of a page with what it printed, and the namespace that they leave behind."""
    namespace, printed = {"__name__": page.stem}, []
    for block in blocks(page):
        if block.language != "python":
            continue
        stdout = io.StringIO()
        # Blank lines above put the block on its own line of the page in a traceback.
        code = compile("\n" * block.line + block.body, str(page), "exec")
        with contextlib.redirect_stdout(stdout):
            exec(code, namespace)
        printed.append((block, stdout.getvalue()))
    return printed, namespace


def refresh(page: Path) -> None:
    """Writes into a page what its code prints now, in the places where it shows output."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        blocks_and_output, _ = run(page)
    for block, printed in blocks_and_output:
        if block.output is not None:
            shown = f"```python\n{block.body}```\n\n```text\n"
            if shown + block.output not in text:
                sys.exit(f"{page}:{block.line}: leave exactly one blank line between a code block and its output.")
            text = text.replace(shown + block.output, shown + printed)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        refresh(Path(argument).resolve())
