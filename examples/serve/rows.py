"""What the clients of a model server share: texts as rows, and rows in batches."""

from collections.abc import Iterator, Mapping, Sequence

# A text; or with several inputs, the strings by name: {"question": ..., "context": ...}.
Row = str | bytes | Mapping[str, str | bytes]


def named(rows: Sequence[Row]) -> list[dict[str, str | bytes]]:
    """Every row as strings by name, of which that of a text alone is `text`.

    Raises:
        ValueError: if two rows have other names.
    """
    found = [dict(row) if isinstance(row, Mapping) else {"text": row} for row in rows]
    for number, row in enumerate(found):
        if row.keys() != found[0].keys():
            raise ValueError(f"All rows need the inputs {', '.join(found[0])}. Row {number} has {', '.join(row)}.")
    return found


def in_batches(rows: Sequence, batch_size: int) -> Iterator[Sequence]:
    """The rows in their order, `batch_size` at a time.

    Raises:
        ValueError: if that is less than one.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be 1 or more. Received: {batch_size}.")
    for begin in range(0, len(rows), batch_size):
        yield rows[begin : begin + batch_size]


def one_for_each(answers: Sequence, rows: Sequence) -> Sequence:
    """The answers, if there are as many as rows.

    Raises:
        ConnectionError: if not: what answered is not the model server.
    """
    if not isinstance(answers, Sequence) or len(answers) != len(rows):
        raise ConnectionError(
            f"The server must give an answer for each of {len(rows)} rows. Received: {answers!r:.200}."
        )
    return answers
