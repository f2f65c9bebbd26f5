"""Tagged sentences in columns: a word a line, an empty line behind each sentence."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DOCUMENT_MARK = "-DOCSTART-"
# Lines of CoNLL-U that are no words: a word that stands for several (1-2), and one that is not written (8.1).
_NO_WORD = re.compile(r"\d+[-.]\d+")


@dataclass(frozen=True)
class TaggedSentences:
    """Sentences as words, with a tag for each word.

    Args:
        words: the words of each sentence.
        tags: the tags of each sentence; None for a file that was read without.
        lines: the line of each word in the file, from 1.
        document_marks: how many `-DOCSTART-` lines were left out.
        path: of the file.

    Example:
        >>> sentences = TaggedSentences([["in", "Rome"]], [["O", "B-LOC"]], [[1, 2]], 0, "some.conll")
        >>> len(sentences), sentences.labels
        (1, ['B-LOC', 'O'])
    """

    words: list[list[str]]
    tags: list[list[str]] | None
    lines: list[list[int]]
    document_marks: int
    path: str | os.PathLike

    def __len__(self) -> int:
        return len(self.words)

    @property
    def labels(self) -> list[str]:
        """The different tags, sorted."""
        return sorted({tag for tags in self.tags or () for tag in tags})


def read_conll(
    path: str | os.PathLike,
    *,
    word: int | None = None,
    tag: int | None = None,
    with_tags: bool = True,
    separator: str | None = None,
    encoding: str = "utf-8",
) -> TaggedSentences:
    """Reads sentences from columns: CoNLL files, CoNLL-U (told by the name `.conllu`), or one character a line.

    A line without any text ends a sentence. `-DOCSTART-` lines are dropped and counted; in CoNLL-U also comments,
    ranges of words (`1-2`) and empty nodes (`8.1`). Words are taken as they are written, with spaces inside or without
    anything visible.

    Args:
        path: of the file.
        word: int. The column of the words, from 0. Defaults to None: 0, in CoNLL-U 1 (FORM).
        tag: int. The column of the tags; -1 is the last. Defaults to None: -1, in CoNLL-U 3 (UPOS).
        with_tags: bool. Whether there are tags to be read. Defaults to True.
        separator: between columns. Defaults to None: a tab if the first line of words has one, else spaces.
        encoding: of the file. Defaults to `"utf-8"`, with a byte order mark or without.

    Raises:
        ValueError: if a column is missing, a line has other columns than the first, a word is empty, a sentence or the
            file has no words, or bytes are no text in this encoding; with the file and the line.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "some.conll")
        >>> _ = path.write_text("in O\\nRome B-LOC\\n\\nyes O\\n")
        >>> sentences = read_conll(path)
        >>> sentences.words, sentences.tags
        ([['in', 'Rome'], ['yes']], [['O', 'B-LOC'], ['O']])
    """
    is_conllu = Path(path).suffix == ".conllu"
    word = (1 if is_conllu else 0) if word is None else word
    tag = (3 if is_conllu else -1) if tag is None else tag
    sentences = TaggedSentences([], [] if with_tags else None, [], 0, path)
    num_columns, document_marks, open_since, has_words = None, 0, None, False
    for number, line in _numbered_lines(path, encoding):
        if not line.strip(" \t"):
            _check_closed(path, open_since, has_words)
            open_since, has_words = None, False
            continue
        if line.startswith(_DOCUMENT_MARK):
            document_marks += 1
            continue
        open_since = open_since or number
        if is_conllu and line.startswith("#"):
            continue
        if separator is None:
            separator = "\t" if "\t" in line else " "
        columns = re.split(" +", line.strip(" ")) if separator == " " else line.split(separator)
        num_columns = num_columns or len(columns)
        _check_columns(path, number, columns, num_columns, [word, tag] if with_tags else [word], separator)
        if is_conllu and _NO_WORD.fullmatch(columns[0]):
            continue
        if not has_words:
            sentences.words.append([])
            sentences.lines.append([])
            if with_tags:
                sentences.tags.append([])
            has_words = True
        sentences.words[-1].append(columns[word])
        sentences.lines[-1].append(number)
        if with_tags:
            sentences.tags[-1].append(columns[tag])
    _check_closed(path, open_since, has_words)
    if not sentences.words:
        raise ValueError(f"There are no words in {path}. Expected a word a line, and an empty line behind a sentence.")
    return TaggedSentences(sentences.words, sentences.tags, sentences.lines, document_marks, path)


def _numbered_lines(path, encoding) -> Iterator[tuple[int, str]]:
    # Bytes, since text mode would end lines also at characters that may stand inside words.
    with open(path, "rb") as file:
        for number, octets in enumerate(file, start=1):
            try:
                line = octets.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: expected text in {encoding}, but {error.reason} at byte {error.start}. "
                    "Name the file's encoding, such as encoding='latin-1'."
                ) from None
            yield number, line.removeprefix("\ufeff" if number == 1 else "").rstrip("\r\n")


def _check_columns(path, number, columns, expected, needed, separator) -> None:
    between = {"\t": "tabs", " ": "spaces"}.get(separator, repr(separator))
    if len(columns) != expected:
        raise ValueError(
            f"{path}, line {number}: expected {expected} columns between {between}, as in the lines before. Received "
            f"{len(columns)}: {columns}."
        )
    for column in needed:
        if not -expected <= column < expected:
            raise ValueError(
                f"{path}, line {number}: expected a column {column} (counted from 0), but there are {expected} between "
                f"{between}: {columns}. Name the columns of the words and of the tags."
            )
        if not columns[column]:
            raise ValueError(f"{path}, line {number}: expected text in column {column}. Received: {columns}.")
    if len(needed) == 2 and needed[0] % expected == needed[1] % expected:
        raise ValueError(
            f"{path}, line {number}: expected words and tags in two columns. Received {expected} column(s) between "
            f"{between}: {columns}. A file without tags is read with with_tags=False."
        )


def _check_closed(path, open_since, has_words) -> None:
    if open_since is not None and not has_words:
        raise ValueError(f"{path}, line {open_since}: expected words in the sentence that begins here. It has none.")
