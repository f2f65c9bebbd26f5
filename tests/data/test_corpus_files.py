"""The files of a corpus are found in a fixed order, decompressed, and told from what is no text."""

import bz2
import gzip

import pytest

from keras_bert_layers.data.corpus_files import CorpusFile, corpus_files, decode, not_text

TEXT = "One.\nTwo: 力加勝。\n".encode() * 1000


def test_a_folder_stands_for_its_text_in_sorted_order(tmp_path):
    for name in ["b.txt", "a/2.jsonl.gz", "a/1.txt.bz2", "a-b/x.txt", "a/notes.md", "a/x.gz", "c.txt.zip"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    expected = ["a/1.txt.bz2", "a/2.jsonl.gz", "a-b/x.txt", "b.txt"]
    assert corpus_files(tmp_path) == [str(tmp_path / name) for name in expected]


def test_paths_keep_their_order_and_one_that_is_named_may_end_in_anything(tmp_path):
    paths = [tmp_path / "z.md", tmp_path / "a.txt"]
    for path in paths:
        path.touch()
    assert corpus_files(paths) == [str(path) for path in paths]


def test_a_file_named_twice_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"a\.txt' is named twice"):
        corpus_files([tmp_path, tmp_path / "a.txt"])


@pytest.mark.parametrize(("name", "compress"), [("a.txt", bytes), ("a.txt.gz", gzip.compress), ("a.bz2", bz2.compress)])
def test_any_place_of_a_file_can_be_read(tmp_path, name, compress):
    path = tmp_path / name
    path.write_bytes(compress(TEXT))
    with CorpusFile(str(path)) as file:
        assert file.read() == TEXT
        for position in (1000, 10, 10, len(TEXT) - 5):
            assert file.seek(position) == position
            assert file.read(7) == TEXT[position : position + 7]


@pytest.mark.parametrize(("ending", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:30] + b"?????" + data[35:]])
def test_a_damaged_file_is_named(tmp_path, ending, compress, damage):
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(damage(compress(TEXT)))
    with pytest.raises(ValueError, match=rf"a\.txt{ending}' is damaged or incomplete"), CorpusFile(str(path)) as file:
        file.read()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TEXT, None),
        (b"", None),
        (b"a caf\xe9", None),
        ("text".encode("utf-16"), "UTF-16"),
        ("text".encode("utf-16-le"), "zero bytes"),
        (gzip.compress(TEXT), "gzip"),
        (bz2.compress(TEXT), "bzip2"),
        (b"%PDF-1.7", "PDF"),
        (b"PAR1....", "Parquet"),
        (b"PK\x03\x04..", "ZIP"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "zero bytes"),
    ],
)
def test_what_is_no_text_is_recognised(data, expected):
    assert not_text(data) is expected if expected is None else expected in not_text(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", ("plain", 0)),
        ("力加勝".encode(), ("力加勝", 0)),
        (b"caf\xe9 \xff\xfeau lait", ("caf au lait", 3)),
        ("力加".encode()[:-1], ("力", 2)),
        (b"a\r\nb\rc\n", ("a\nb\nc\n", 0)),
    ],
)
def test_bytes_that_are_no_utf8_are_left_out_and_counted(data, expected):
    assert decode(data) == expected
