"""Chunks hold every byte of a corpus once, end where documents end, and do not depend on compression."""

import bz2
import gzip
import json

import pytest

from keras_bert_layers.data import read_documents
from keras_bert_layers.data.layout import Layout
from keras_bert_layers.data.records.chunks import Chunk, Piece, PieceReader, plan_chunks

COMPRESSIONS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}
TEXTS = [
    "".join(f"Sentence {i} of the text 力加.\n" + "\n" * (i % 3 == 0) + " \n\n" * (i % 7 == 0) for i in range(60)),
    "",
    "A last one.\n\nWithout an end",
    "\n\n\nBlank lines around.\n\n\n",
]


def write(folder, texts, ending="", line_end="\n", name="txt"):
    folder.mkdir(exist_ok=True)
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.{name}{ending}")
        files[-1].write_bytes(COMPRESSIONS[ending](text.replace("\n", line_end).encode()))
    return [str(file) for file in files]


def bytes_of(chunks):
    with PieceReader() as reader:
        return [[reader.read(piece) for piece in chunk.pieces] for chunk in chunks]


def documents_of(chunks, layout):
    layout = Layout(layout)
    texts = [
        piece.decode().replace("\r\n", "\n").replace("\r", "\n") for pieces in bytes_of(chunks) for piece in pieces
    ]
    return [layout.sentences(document) for text in texts for document in layout.documents(text)]


any_size = pytest.mark.parametrize("chunk_bytes", [1, 37, 200, 10_000])
any_compression = pytest.mark.parametrize("ending", COMPRESSIONS)


@any_size
@any_compression
@pytest.mark.parametrize("layout", ["sentences", "paragraphs", "prose"])
def test_every_byte_is_in_one_chunk(tmp_path, layout, chunk_bytes, ending):
    files = write(tmp_path, TEXTS, ending)
    chunks = plan_chunks(files, layout, chunk_bytes)
    assert b"".join(piece for pieces in bytes_of(chunks) for piece in pieces) == "".join(TEXTS).encode()
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.num_bytes for chunk in chunks)


@any_compression
@pytest.mark.parametrize("chunk_bytes", [200, 10_000])  # documents of more than twice the size are cut
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("layout", ["sentences", "paragraphs"])
def test_no_document_is_divided(tmp_path, layout, line_end, chunk_bytes, ending):
    files = write(tmp_path, TEXTS, ending, line_end)
    assert documents_of(plan_chunks(files, layout, chunk_bytes), layout) == read_documents(files, layout)


@any_size
def test_compression_does_not_move_the_cuts(tmp_path, chunk_bytes):
    plans = [
        plan_chunks(write(tmp_path / f"with{ending}", TEXTS, ending), "sentences", chunk_bytes)
        for ending in COMPRESSIONS
    ]
    cuts = [[[(piece.start, piece.end) for piece in chunk.pieces] for chunk in plan] for plan in plans]
    assert cuts[0] == cuts[1] == cuts[2]


@pytest.mark.parametrize("chunk_bytes", [50, 200, 1000])
def test_chunks_are_of_about_the_size_that_was_asked_for(tmp_path, chunk_bytes):
    chunks = plan_chunks(write(tmp_path, TEXTS * 3), "sentences", chunk_bytes)
    longest_document = 100
    assert all(chunk_bytes <= chunk.num_bytes < chunk_bytes + longest_document for chunk in chunks[:-1])
    assert chunks[-1].num_bytes >= chunk_bytes / 2


def test_prose_files_stay_whole(tmp_path):
    files = write(tmp_path, TEXTS * 4)
    chunks = plan_chunks(files, "prose", 2500)
    assert len(chunks) > 1
    pieces = [piece for chunk in chunks for piece in chunk.pieces]
    assert len({piece.path for piece in pieces}) == len(pieces)


@any_compression
@pytest.mark.parametrize("layout", ["sentences", "paragraphs", "prose"])
def test_json_lines_stay_whole(tmp_path, layout, ending):
    lines = [json.dumps({"text": "\n\n".join(["Some text."] * n)}) for n in (1, 50, 2, 30, 1, 1)]
    chunks = plan_chunks(write(tmp_path, ["\n".join(lines)], ending, name="jsonl"), layout, 40)
    assert [line for pieces in bytes_of(chunks) for line in b"".join(pieces).decode().splitlines()] == lines
    assert len(chunks) > 1


@pytest.mark.parametrize(
    ("layout", "text", "first"),
    [
        ("prose", "aaaa bbbb\ncccc\n\n" * 20, "aaaa bbbb\ncccc\n\n"),
        ("sentences", "aaaa bbbb\ncccc\n" * 20, "aaaa bbbb\ncccc\n"),
        ("sentences", "aaaa bbbb " * 20, "aaaa bbbb aaaa "),
        ("sentences", "力加勝" * 30, "力加勝力"),
    ],
)
def test_a_document_that_exceeds_its_chunk_by_far_is_cut_at_the_best_place(tmp_path, layout, text, first):
    chunks = plan_chunks(write(tmp_path, [text]), layout, 10)
    pieces = [b"".join(pieces).decode() for pieces in bytes_of(chunks)]  # no character is cut in two
    assert pieces[0] == first
    assert "".join(pieces) == text
    assert all(chunk.num_bytes <= 2 * 10 for chunk in chunks[:-1])
    assert [chunk.pieces[-1].cut for chunk in chunks] == [True] * (len(chunks) - 1) + [False]


def test_a_small_corpus_has_about_twenty_chunks(tmp_path):
    files = write(tmp_path, ["word\n\n" * 400_000])
    assert 18 <= len(plan_chunks(files, "sentences")) <= 21


def test_all_binary_files_are_named_at_once(tmp_path):
    files = write(tmp_path, ["text", "a\0b", "text", "%PDF-1.4"])
    with pytest.raises(ValueError, match=r"2 of 4 files are no text: '.*1\.txt' is binary data.*; '.*3\.txt' is a PDF"):
        plan_chunks(files, "sentences")


def test_empty_files_alone_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"All of the 2 file\(s\) are empty.*0\.txt"):
        plan_chunks(write(tmp_path, ["", ""]), "sentences")


def test_a_file_that_has_become_shorter_is_named(tmp_path):
    (file,) = write(tmp_path, ["0123456789"])
    with pytest.raises(ValueError, match=r"0\.txt' has become shorter: bytes 5 to 20"), PieceReader() as reader:
        reader.read(Piece(file, 5, 20))


def test_a_reader_goes_back_and_forth_between_files(tmp_path):
    files = write(tmp_path, ["0123456789", "abcdefghij"], ".gz")
    chunk = Chunk(
        0, tuple(Piece(files[number], start, start + 3) for number, start in [(0, 5), (1, 2), (0, 1), (0, 7)])
    )
    assert bytes_of([chunk]) == [[b"567", b"cde", b"123", b"789"]]
