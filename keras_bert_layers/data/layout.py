"""How the text of a file divides into documents, and a document into sentences."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from keras_bert_layers.data.sentences import split_sentences

_LAYOUTS = ("sentences", "prose", "paragraphs")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


@dataclass(frozen=True)
class Layout:
    """The layout of a corpus.

    Args:
        layout: `"sentences"` (one a line, blank lines between documents), `"prose"` (each file, or each JSON line, is a
            document of paragraphs) or `"paragraphs"` (each paragraph is a document).
        language: for the two prose layouts, the `language` of `split_sentences`. Defaults to `"auto"`.
        text_field: str. Which field of a JSON line holds its text. Defaults to `"text"`.

    Raises:
        ValueError: for another layout, or a language without effect.

    Example:
        >>> layout = Layout("paragraphs")
        >>> [layout.sentences(document) for document in layout.documents("One. Two.\\n\\nThree.")]
        [['One.', 'Two.'], ['Three.']]
    """

    layout: str = "sentences"
    language: str | None = None
    text_field: str = "text"

    def __post_init__(self):
        if self.layout not in _LAYOUTS:
            raise ValueError(f"`layout` must be one of {', '.join(_LAYOUTS)}. Received: {self.layout!r}.")
        if self.layout == "sentences" and self.language is not None:
            raise ValueError(
                '`language` is for splitting prose, and layout="sentences" splits nothing: its lines are the '
                f"sentences. Received: language={self.language!r}. Leave it out, or read with "
                'layout="prose" or "paragraphs".'
            )
        split_sentences("", self.language or "auto")  # raises for a language it does not know

    def documents(self, text: str) -> Iterator[str]:
        """The texts of the documents in `text`; a blank one is none."""
        if self.layout == "prose":
            parts = iter([text])
        else:
            bounds = [0, *(end for match in _BLANK_LINES.finditer(text) for end in match.span()), len(text)]
            parts = (text[begin:end] for begin, end in zip(bounds[::2], bounds[1::2], strict=True))
        return (part for part in parts if part and not part.isspace())

    def documents_of_json_line(self, line: str) -> list[str] | None:
        """The texts of the documents in a line of JSON; None if it is no JSON object.

        Raises:
            ValueError: if the object lacks the text field, or holds something else than text or null there.
        """
        try:
            record = json.loads(line)
        except ValueError:
            return None
        if not isinstance(record, dict):
            return None
        text = record.get(self.text_field, ...)
        if text is None:
            return []
        if not isinstance(text, str):
            found = ", ".join(f"{name} ({type(value).__name__})" for name, value in record.items()) or "none"
            raise ValueError(
                f"Expected text in the field {self.text_field!r} of each line. Fields of this one: {found}."
            )
        return list(self.documents(text.replace("\r\n", "\n").replace("\r", "\n")))

    def sentences(self, document: str) -> list[str]:
        """The sentences of a document's text, none of them blank."""
        if self.layout == "sentences":
            return [sentence for line in document.split("\n") if (sentence := line.strip())]
        return split_sentences(document, self.language or "auto")
