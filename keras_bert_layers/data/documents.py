"""Text files into documents."""

import os
from collections.abc import Iterable, Iterator

from keras_bert_layers.data.corpus_files import CorpusFile, corpus_files, is_json_lines, not_text
from keras_bert_layers.data.layout import Layout


def read_documents(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    layout: str = "sentences",
    language: str | None = None,
    text_field: str = "text",
) -> list[list[str]]:
    """Reads text files into documents, each a list of its sentences.

    Files are UTF-8 (a byte order mark is taken off), read in the order given; a folder stands for all `*.txt` and
    `*.jsonl` in it and in the folders below, in sorted order. A file whose name ends in `.gz` or `.bz2` besides is
    decompressed. A `.jsonl` file has one JSON object a line, and in it the text of one document (for
    `layout="prose"`), or of several. A file without text holds no document.

    For a corpus that does not fit into memory, see `prepare_records`.

    Args:
        paths: a file, a folder, or several of them.
        layout: what the files hold.
            `"sentences"` (default): one sentence a line, a blank line between documents (google-research/bert).
            `"prose"`: paragraphs with blank lines between them; each file is one document.
            `"paragraphs"`: the same, and each paragraph is a document of its own.
        language: for the two prose layouts, the `language` of `split_sentences`. Defaults to `"auto"`.
        text_field: str. Which field of a JSON line holds its text. Defaults to `"text"`.

    Returns:
        The documents in order. None is empty, and no sentence is blank.

    Raises:
        FileNotFoundError: if a path does not exist, or a folder holds no text files.
        ValueError: if a file is no UTF-8 text or no JSON lines, if there is no text at all, or if an argument is not
            one of the above.

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
    layout = Layout(layout, language, text_field)
    files = corpus_files(paths)
    documents = [layout.sentences(document) for file in files for document in _document_texts(file, layout)]
    documents = [document for document in documents if document]
    if not documents:
        raise ValueError(
            f"There is no text in {len(files)} file(s), first {files[:3]}. Check that `paths` names the corpus."
        )
    return documents


def _document_texts(file: str, layout: Layout) -> Iterator[str]:
    text = _read(file)
    if not is_json_lines(file):
        yield from layout.documents(text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            documents = layout.documents_of_json_line(line)
        except ValueError as error:
            raise ValueError(f"'{file}', line {number}: {error}") from error
        if documents is None:
            raise ValueError(f"'{file}', line {number}: expected a JSON object. Received: {line[:60]!r}.")
        yield from documents


def _read(file: str) -> str:
    with CorpusFile(file) as stream:
        content = stream.read()
    if other := not_text(content):
        raise ValueError(f"'{file}' is no text, but {other}.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{file}' is not UTF-8: byte offset {error.start} holds 0x{content[error.start]:02x} ({error.reason}). "
            "Convert the file to UTF-8, e.g. `iconv -f latin1 -t utf-8`."
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
