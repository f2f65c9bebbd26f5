"""Griffe extension: the sections of this library's docstrings that Google style has no name for."""

import re
import textwrap

import griffe

_CALL_ARGUMENTS = re.compile(r"^Call arguments:\n((?:[ \t]+\S.*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^(\*{0,2}[\w, ]+): ", re.MULTILINE)


class DocstringSections(griffe.Extension):
    """`Call arguments` becomes a list of its entries, `Example` a section of code."""

    def on_class(self, *, cls: griffe.Class, **kwargs) -> None:
        _rewrite(cls.docstring)

    def on_function(self, *, func: griffe.Function, **kwargs) -> None:
        _rewrite(func.docstring)


def _rewrite(docstring: griffe.Docstring | None) -> None:
    if docstring is None:
        return
    value = re.sub(r"^Example:$", "Examples:", docstring.value, flags=re.MULTILINE)
    docstring.value = _CALL_ARGUMENTS.sub(_as_list, value)


def _as_list(match: re.Match) -> str:
    entries = _ENTRY.sub(r"- `\1`: ", textwrap.dedent(match[1]))
    return "Call arguments:\n" + textwrap.indent(entries, "    ")
