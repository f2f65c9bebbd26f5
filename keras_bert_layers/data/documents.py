"""Text files into documents."""

import os
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from keras_bert_layers.data.sentences import split_sentences

_LAYOUTS = ("sentences", "prose", "paragraphs")


def read_documents(
    paths: str | os.PathLike | Iterable[str | os.PathLike], layout: str = "sentences", language: str | None = None
) -> list[list[str]]:
    """Reads text files into documents, each a list of its sentences.

    Files are UTF-8 (a byte order mark is taken off), read in the order given; a folder stands for all `*.txt` in it and
    in the folders below, in sorted order. A file without text holds no document.

    Args:
        paths: a file, a folder, or several of them.
        layout: what the files hold.
            `"sentences"` (default): one sentence a line, a blank line between documents (google-research/bert).
            `"prose"`: paragraphs with blank lines between them; each file is one document.
            `"paragraphs"`: the same, and each paragraph is a document of its own.
        language: for the two prose layouts, the `language` of `split_sentences`. Defaults to `"auto"`.

    Returns:
        The documents in order. None is empty, and no sentence is blank.

    Raises:
        FileNotFoundError: if a path does not exist, or a folder holds no `*.txt`.
        ValueError: if a file is not UTF-8, if there is no text at all, or if an argument is not one of the above.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "tea.txt")
        >>> _ = path.write_text("Tea is hot. Drink it slowly.\\n\\nIt cools.", encoding="utf-8")
        >>> read_documents(path, layout="prose")
        [['Tea is hot.', 'Drink it slowly.', 'It cools.']]
        >>> read_documents(path, layout="sentences")
        [['Tea is hot. Drink it slowly.'], ['It cools.']]

    Reference:
        Devlin et al. 2019, appendix A.2: "it is critical to use a document-level corpus".
    """
    if layout not in _LAYOUTS:
        raise ValueError(f"`layout` must be one of {', '.join(_LAYOUTS)}. Received: {layout!r}.")
    if layout == "sentences" and language is not None:
        raise ValueError(
            '`language` is for splitting prose, and layout="sentences" splits nothing: its lines are the sentences. '
            f'Received: language={language!r}. Leave it out, or read with layout="prose" or "paragraphs".'
        )
    files = _files([paths] if isinstance(paths, str | os.PathLike) else paths)
    documents = []
    for file in files:
        blocks = re.split(r"\n(?:[^\S\n]*\n)+", _read(file))
        if layout == "sentences":
            found = [[line.strip() for line in block.split("\n") if line.strip()] for block in blocks]
        else:
            found = [split_sentences(block, language or "auto") for block in blocks]
        documents += [list(chain.from_iterable(found))] if layout == "prose" else found
    documents = [document for document in documents if document]
    if not documents:
        raise ValueError(
            f"There is no text in {len(files)} file(s), first {[str(file) for file in files[:3]]}. "
            "Check that `paths` names the corpus."
        )
    return documents


def _files(paths: Iterable[str | os.PathLike]) -> list[Path]:
    files = []
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder '{path}' (current folder: {Path.cwd()}).")
        found = sorted(filter(Path.is_file, path.rglob("*.txt"))) if path.is_dir() else [path]
        if not found:
            raise FileNotFoundError(
                f"The folder '{path}' holds no *.txt, nor do those below it. Name files of another ending one by one."
            )
        files += found
    if not files:
        raise ValueError("`paths` is empty: expected at least one file or folder.")
    return files


def _read(file: Path) -> str:
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{file}' is not UTF-8: byte offset {error.start} holds 0x{content[error.start]:02x} ({error.reason}). "
            "Convert the file to UTF-8, e.g. `iconv -f latin1 -t utf-8`."
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
