"""mkdocs hook: equations become MathML while the pages are built, so that no script from the network draws them."""

import html
import re

from latex2mathml.converter import convert

# What pymdownx.arithmatex (generic) makes of `$...$` and `$$...$$`.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def on_page_content(content: str, **kwargs) -> str:
    content = _BLOCK.sub(lambda match: f'<div class="equation">{_mathml(match[1], "block")}</div>', content)
    return _INLINE.sub(lambda match: _mathml(match[1], "inline"), content)


def _mathml(latex: str, display: str) -> str:
    mathml = convert(html.unescape(latex).strip(), display=display)
    # As an operator, infinity would get the space of one: "- ∞".
    return mathml.replace("<mo>&#x0221E;</mo>", "<mi>&#x0221E;</mi>")
