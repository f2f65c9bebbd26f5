"""The documents of a chunk, and what in its files is no text."""

from collections.abc import Iterator

from keras_bert_layers.data.corpus_files import decode, is_json_lines
from keras_bert_layers.data.records.chunks import Chunk, Piece, PieceReader
from keras_bert_layers.data.records.preparation import ShardReport
from keras_bert_layers.data.records.record_settings import RecordSettings


def chunk_documents(chunk: Chunk, reader: PieceReader, settings: RecordSettings, report: ShardReport) -> Iterator[str]:
    """The texts of a chunk's documents, in order; none is blank.

    Args:
        chunk, reader: where to read.
        settings: whose layout the text has.
        report: gets what was read and what was left out.

    Raises:
        ValueError: if something is no text, and `settings.bad_input` is `"error"`.
    """
    for piece in chunk.pieces:
        data = reader.read(piece)
        text, bad_bytes = decode(data)
        if bad_bytes:
            _left_out(report.bad_bytes, piece, bad_bytes, f"{bad_bytes} bytes that are no UTF-8", settings)
        report.counts.update(text_bytes=len(data), cut_documents=int(piece.cut))
        text = text.removeprefix("\ufeff") if piece.start == 0 else text
        if is_json_lines(piece.path):
            yield from _documents_of_json(text, piece, settings, report)
        else:
            yield from settings.text_layout.documents(text)


def _documents_of_json(text: str, piece: Piece, settings: RecordSettings, report: ShardReport) -> Iterator[str]:
    layout = settings.text_layout
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            documents = layout.documents_of_json_line(line)
        except ValueError as error:
            raise ValueError(f"'{piece.path}', between bytes {piece.start} and {piece.end}: {error}") from error
        if documents is None:
            _left_out(report.bad_lines, piece, 1, f"a line that is no JSON object, {line[:60]!r}", settings)
        else:
            yield from documents


def _left_out(counter, piece: Piece, count: int, what: str, settings: RecordSettings) -> None:
    if settings.bad_input == "error":
        raise ValueError(
            f"'{piece.path}' holds {what}, between bytes {piece.start} and {piece.end}. Mend the file (a text in "
            'another encoding: `iconv -f latin1 -t utf-8`), or have it left out and counted: bad_input="skip".'
        )
    counter[piece.path] += count
