"""Attributions and attention as one HTML page, which needs nothing but itself."""

import base64
import hashlib
import html
import importlib.resources
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bert_layers.interpret.attribution import Attribution
from keras_bert_layers.interpret.inspection import Inspection
from keras_bert_layers.interpret.page_data import attention_data, attribution_data, text_data

_SCRIPTS = ("elements", "colours", "tokens", "explanation", "maps", "overview", "large", "attention", "start")


@dataclass(frozen=True)
class Page:
    """A page of HTML; a notebook shows it where it is the value of a cell.

    Args:
        html: str, all of it.

    Example:
        >>> Page("<p>Nothing yet.</p>")._repr_html_()[:8]
        '<iframe '
    """

    html: str

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the page to a file, in UTF-8, and returns its path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8", newline="\n")
        return path

    def __repr__(self) -> str:
        return f"Page of {len(self.html) / 1e6:.2f} MB"

    def _repr_html_(self) -> str:
        # A frame of its own keeps the styles of page and notebook apart, and its script away from the notebook.
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" title="Explanation" '
            'style="width: 100%; height: 1250px; border: 0"></iframe>'
        )


def page(
    results: Sequence[Attribution | Inspection],
    *,
    labels: Sequence[str] | None = None,
    maps: Mapping[str, Sequence[np.ndarray]] | None = None,
    title: str = "What the model reads",
) -> Page:
    """Texts coloured by what speaks for a prediction, the prediction, and the attention of every layer and head.

    The file holds all it needs, asks the network for nothing and is forbidden to; text is shown, whatever it is, and
    never run. It is used by pointer, touch or keys, in a light and a dark theme.

    Args:
        results: of the attribution methods and of `inspect`, together in one list, in any order. Those of equal text
            and tokens stand together; texts come in the order in which they first occur. Several attributions of a
            text, by method or target, are chosen from on the page.
        labels: names of the classes. Defaults to `None`: their numbers.
        maps: name -> for each Inspection in `results`, in their order, [L, S, S] or, for the last layer, [S, S], with
            values from 0 to 1, to be looked at beside the heads: a rollout of attention. Defaults to none.
        title: of the page.

    Returns:
        A Page: `.save("explanation.html")` writes it. 12 layers of 12 heads on 128 tokens take at most 3.2 MB a text.

    Raises:
        ValueError: if there is no result, or names or maps do not fit.

    Example:
        >>> from keras_bert_layers import interpret, models, text
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hi"]))
        >>> config = models.BertConfig(vocabulary_size=5, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16)
        >>> classifier = models.text_classifier(models.bert_encoder(config), num_classes=2)
        >>> scores = interpret.gradient_x_input(classifier, preprocessor, ["Hi"])
        >>> attention = interpret.inspect(classifier, preprocessor, ["Hi"])
        >>> page = interpret.page([*scores, *attention], labels=["rude", "polite"])
        >>> len(page.html) < 100_000
        True
    """
    if not results:
        raise ValueError("A page needs at least one Attribution or Inspection. Received none.")
    inspections = [found for found in results if isinstance(found, Inspection)]
    for name, values in (maps or {}).items():
        if len(values) != len(inspections):
            raise ValueError(
                f"Expected maps {name!r} for each of the {len(inspections)} Inspections. Received: {len(values)}."
            )
    texts, seen = {}, 0
    for found in results:
        if not isinstance(found, Attribution | Inspection):
            raise ValueError(
                "`results` must be a list of what the attribution methods and `inspect` return, all lists joined. "
                f"Received in it: {found!r}."
            )
        data = texts.setdefault((found.text, found.token_ids.tobytes()), None) or text_data(found)
        texts[found.text, found.token_ids.tobytes()] = data
        if isinstance(found, Attribution):
            data["attributions"].append(attribution_data(found, labels))
        else:
            data["attention"] = attention_data(found, {name: values[seen] for name, values in (maps or {}).items()})
            seen += 1
    return Page(_filled(title, {"texts": list(texts.values())}))


def _filled(title: str, data: dict) -> str:
    script = "\n".join(_file(f"{name}.js") for name in _SCRIPTS)
    style = _file("page.css")
    # Inside a script element nothing but "<" could end it or begin another one.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {
        "title": html.escape(title),
        # No source but this file: scripts and styles are known by their hashes, and connections are forbidden.
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "data": text,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _file("page.html"))


def _file(name: str) -> str:
    return (importlib.resources.files("keras_bert_layers.interpret") / "page_files" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
