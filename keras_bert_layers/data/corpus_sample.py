"""Sentences from all over a corpus."""

import os
from collections.abc import Iterable, Iterator

from keras_bert_layers.data.corpus_files import corpus_files
from keras_bert_layers.data.records.chunk_documents import chunk_documents
from keras_bert_layers.data.records.chunks import PieceReader, plan_chunks, total_bytes
from keras_bert_layers.data.records.preparation import ShardReport
from keras_bert_layers.data.records.record_settings import RecordSettings

_STRETCH = 1 << 20


def sample_sentences(
    paths: str | os.PathLike | Iterable[str | os.PathLike], settings: RecordSettings, max_bytes: int = 100_000_000
) -> Iterator[str]:
    """Sentences of a corpus for `kbl.text.learn_vocabulary`: stretches of about a megabyte, evenly spread.

    Args:
        paths: text files, or folders of them, as in `read_documents`.
        settings: as for `prepare_records`; they say how the text is laid out.
        max_bytes: int > 0. About how much text to take. Defaults to 100 MB. All of a smaller corpus is taken.

    Yields:
        str. The same sentences each time.

    Raises:
        FileNotFoundError, ValueError: as `prepare_records`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "corpus.txt")
        >>> _ = path.write_text("It rains. It pours.\\n\\nThe end.")
        >>> list(sample_sentences(path, RecordSettings(sequence_length=16, layout="prose")))
        ['It rains.', 'It pours.', 'The end.']
    """
    if max_bytes < 1:
        raise ValueError(f"`max_bytes` must be positive. Received: {max_bytes}.")
    chunks = plan_chunks(corpus_files(paths), settings.layout, min(_STRETCH, max_bytes))
    wanted = max(1, min(len(chunks), len(chunks) * max_bytes // total_bytes(chunks)))
    layout, report = settings.text_layout, ShardReport("", "")
    with PieceReader() as reader:
        for number in range(wanted):
            for text in chunk_documents(chunks[number * len(chunks) // wanted], reader, settings, report):
                yield from layout.sentences(text)
