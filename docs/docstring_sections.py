"""Griffe extension: this library's docstring sections as Markdown, in the words and the order of the docstring.

The sections of Google style would show every type and default twice, and know neither `Call arguments` nor `Reference`.
"""

import re
import textwrap

import griffe

_LISTS = ("Args", "Call arguments", "Raises")
_TEXTS = ("Returns", "Reference")
_SECTION = re.compile(rf"^({'|'.join(_LISTS + _TEXTS)}):\n((?:[ \t]+\S.*(?:\n|\Z)|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}\w[\w, ]*): ", re.MULTILINE)


class DocstringSections(griffe.Extension):
    """Turns lists of names into lists of Markdown, and the other sections into paragraphs."""

    def on_class(self, *, cls: griffe.Class, **kwargs) -> None:
        _rewrite(cls.docstring)

    def on_function(self, *, func: griffe.Function, **kwargs) -> None:
        _rewrite(func.docstring)


def _rewrite(docstring: griffe.Docstring | None) -> None:
    if docstring is not None:
        value = re.sub(r"^Example:$", "Examples:", docstring.value, flags=re.MULTILINE)
        docstring.value = _SECTION.sub(_as_markdown, value)


def _as_markdown(match: re.Match) -> str:
    title, body = match[1], textwrap.dedent(match[2])
    if title in _LISTS:
        return f"**{title}:**\n\n{_ENTRY.sub(_as_item, body)}\n"
    return f"**{title}:**\n\n{body}\n"


def _as_item(match: re.Match) -> str:
    return f"- {', '.join(f'`{name}`' for name in match[1].split(', '))}: "
