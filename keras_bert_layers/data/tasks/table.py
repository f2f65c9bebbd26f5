"""Tables of texts, their labels and their partners: tab-separated, comma-separated, JSON lines."""

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".txt": "\t", ".csv": ","}
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class LabelledTexts:
    """The texts of a table, row by row.

    Args:
        texts: str [N].
        pairs: str [N], the second text of each row; None if the table was read without.
        labels: as they are written, str [N], or where JSON has several for a text a list of str; None if the table was
            read without.
        lines: the line of the file on which each row begins, from 1.
        path: of the file.

    Example:
        >>> table = LabelledTexts(["good", ""], None, ["4.5", "1"], [1, 2], "some.tsv")
        >>> len(table), table.empty, table.numbers().tolist()
        (2, [2], [4.5, 1.0])
    """

    texts: list[str]
    pairs: list[str] | None
    labels: list[str | list[str]] | None
    lines: list[int]
    path: str | os.PathLike

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def empty(self) -> list[int]:
        """The lines on which a text, or a partner, is empty or blank. Such rows are kept: each has its answer."""
        columns = [self.texts] if self.pairs is None else [self.texts, self.pairs]
        return [line for line, *row in zip(self.lines, *columns, strict=True) if not all(map(str.strip, row))]

    def numbers(self) -> np.ndarray:
        """The labels of a regression, float32 [N].

        Raises:
            ValueError: if there are no labels, or one is no finite number; with the file and the line.
        """
        if self.labels is None:
            raise ValueError(f"{self.path} was read without labels. Name the column that has the numbers.")
        values = [_number(label) for label in self.labels]
        for line, label, value in zip(self.lines, self.labels, values, strict=True):
            if value is None:
                raise ValueError(f"{self.path}, line {line}: expected a number as label. Received: {label!r}.")
        return np.array(values, "float32")


def read_table(
    path: str | os.PathLike,
    *,
    text: str | int,
    text_pair: str | int | None = None,
    label: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
) -> LabelledTexts:
    """Reads texts, and if asked for their partners and labels, from a table.

    The name of the file says what it is. `.tsv`, `.tab` and `.txt`: a row a line, a tab between columns, and quotes are
    part of the text, as in GLUE. `.csv`: commas and double quotes, between which a text may have commas and lines.
    `.jsonl` and `.ndjson`: a JSON object a line. Empty lines at the end are no rows. Rows with an empty text are kept,
    and named by `LabelledTexts.empty`.

    Args:
        path: of the file.
        text: the column of the texts: its name in the first line (in JSON: the field), or its number from 0.
        text_pair: that of the second texts. Defaults to `None`: there are none.
        label: that of the labels. Defaults to `None`: there are none.
        header: bool. Whether the first line names the columns. Defaults to `None`: if a column is given by name.
        delimiter: one character between columns, with quotes as in `.csv` unless it is a tab. Defaults to `None`: by
            the name of the file.
        encoding: of the file. Defaults to `"utf-8"`, with a byte order mark or without.

    Raises:
        ValueError: if a column is not there, a row has more or fewer columns than the first, a field is no text, or the
            file has no rows or is not of its kind; with the file and the line.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "some.csv")
        >>> _ = path.write_text('text,label\\n"Good, really.",yes\\nBad.,no\\n')
        >>> table = read_table(path, text="text", label="label")
        >>> table.texts, table.labels, table.lines
        (['Good, really.', 'Bad.'], ['yes', 'no'], [2, 3])
    """
    wanted = {"text": text, "text_pair": text_pair, "label": label}
    wanted = {role: column for role, column in wanted.items() if column is not None}
    content = _decoded(path, encoding)
    if Path(path).suffix in _JSON_LINES:
        rows = _json_rows(path, content, wanted)
    else:
        by_name = any(isinstance(column, str) for column in wanted.values())
        rows = _table_rows(path, content, wanted, by_name if header is None else header, delimiter)
    lines, columns = [], {role: [] for role in wanted}
    for line, fields in rows:
        lines.append(line)
        for role, value in fields.items():
            columns[role].append(value)
    if not lines:
        raise ValueError(f"There are no rows in {path}. Expected a text in each.")
    return LabelledTexts(columns["text"], columns.get("text_pair"), columns.get("label"), lines, path)


def _decoded(path, encoding) -> str:
    octets = Path(path).read_bytes()
    try:
        return octets.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: expected text in {encoding}, but {error.reason} at byte {error.start} of the file. "
            "Name the file's encoding, such as encoding='latin-1'."
        ) from None


def _table_rows(path, content, wanted, header, delimiter) -> Iterator[tuple[int, dict]]:
    delimiter = delimiter or _DELIMITERS.get(Path(path).suffix)
    if delimiter is None:
        raise ValueError(
            f"{path} must end in {', '.join([*_DELIMITERS, *_JSON_LINES])}, which say what it is; or name the "
            "`delimiter` of its columns."
        )
    rows = _tabbed(content) if delimiter == "\t" else _quoted(path, content, delimiter)
    names, places, width = None, None, None
    for line, row in rows:
        if width is None:
            width, names = len(row), row if header else None
            places = {role: _place(path, column, row, names) for role, column in wanted.items()}
            if header:
                continue
        if len(row) != width:
            raise ValueError(
                f"{path}, line {line}: expected {width} column(s) as in the first row. Received "
                f"{len(row)}: {_short(row)}."
            )
        yield line, {role: row[place] for role, place in places.items()}


def _tabbed(content) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_lines(content), start=1):
        yield number, line.split("\t")


def _lines(content) -> list[str]:
    # Not splitlines: it would end a line also at characters that may stand in a text.
    content = content.rstrip("\r\n")
    return [line.removesuffix("\r") for line in content.split("\n")] if content else []


def _quoted(path, content, delimiter) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content.rstrip("\r\n"), newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for row in reader:
            yield begin, row or [""]
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {begin}: the row that begins here is no CSV: {error}. Check its double quotes; one inside a "
            "quoted text is written twice."
        ) from None


def _place(path, column, first, names) -> int:
    """The number of a column that is given by name or number."""
    if isinstance(column, str):
        if names is None or names.count(column) != 1:
            reason = "there is no header" if names is None else f"there are {names.count(column) or 'none'}"
            raise ValueError(
                f"{path}, line 1: expected one column named {column!r} ({reason}). The first line is {_short(first)}. "
                "Name the columns as they are there, or give their numbers, from 0, where there is no header."
            )
        return names.index(column)
    if not 0 <= column < len(first):
        raise ValueError(
            f"{path}, line 1: expected a column {column} (counted from 0). There are {len(first)}: {_short(first)}."
        )
    return column


def _json_rows(path, content, wanted) -> Iterator[tuple[int, dict]]:
    numbers = [f"{column}" for column in wanted.values() if not isinstance(column, str)]
    if numbers:
        raise ValueError(f"The fields of {path} have names, no numbers. Received: {', '.join(numbers)}.")
    for line, row in enumerate(_lines(content), start=1):
        try:
            fields = json.loads(row)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {line}: expected a JSON object. {error}. Received: {_short(row)}."
            ) from None
        if not isinstance(fields, dict):
            raise ValueError(f"{path}, line {line}: expected a JSON object. Received: {_short(row)}.")
        yield line, {role: _field(path, line, fields, role, name) for role, name in wanted.items()}


def _field(path, line, fields, role, name) -> str | list[str]:
    if name not in fields:
        raise ValueError(f"{path}, line {line}: expected a field {name!r}. There are: {', '.join(fields) or 'none'}.")
    value = fields[name]
    if isinstance(value, str):
        return value
    if role == "label" and isinstance(value, int | float | bool):
        return json.dumps(value)
    if role == "label" and isinstance(value, list) and all(isinstance(label, str | int | float) for label in value):
        return [label if isinstance(label, str) else json.dumps(label) for label in value]
    kinds = "a string, a number or a list of these" if role == "label" else "a string"
    raise ValueError(f"{path}, line {line}: expected {kinds} as {name!r}. Received: {_short(json.dumps(value))}.")


def _number(label: str | Sequence[str]) -> float | None:
    try:
        value = float(label)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _short(row) -> str:
    text = repr(row)
    return text if len(text) <= 160 else f"{text[:159]}…"
