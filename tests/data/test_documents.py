"""Files become documents; what cannot be read is named."""

import bz2
import gzip
import json

import pytest

from keras_bert_layers.data import read_documents

GOOGLE = "The rain had ceased.\nGold, surely!\n\n\nThe fountain of wisdom: 力加勝\nA star. I am, sir!\n"
PROSE = "The rain had ceased. Gold,\nsurely!\n\n力加。勝北。\n"


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        (
            "sentences",
            GOOGLE,
            [
                ["The rain had ceased.", "Gold, surely!"],
                ["The fountain of wisdom: 力加勝", "A star. I am, sir!"],
            ],
        ),
        ("prose", PROSE, [["The rain had ceased.", "Gold, surely!", "力加。", "勝北。"]]),
        ("paragraphs", PROSE, [["The rain had ceased.", "Gold, surely!"], ["力加。", "勝北。"]]),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_layouts(tmp_path, layout, text, expected, line_end, encoding):
    path = write(tmp_path / "a.txt", text.replace("\n", line_end), encoding)
    assert read_documents(path, layout) == expected


def test_a_folder_is_read_in_sorted_order_with_the_folders_below(tmp_path):
    for name in ["b.txt", "a/2.txt", "a/1.txt", "c/d/e.txt"]:
        write(tmp_path / name, name)
    write(tmp_path / "a/skipped.md", "no")
    write(tmp_path / "empty.txt", "")
    assert read_documents(str(tmp_path)) == [["a/1.txt"], ["a/2.txt"], ["b.txt"], ["c/d/e.txt"]]


def test_several_paths_keep_their_order_and_any_ending(tmp_path):
    paths = [write(tmp_path / "z.md", "z"), write(tmp_path / "a.txt", "a")]
    assert read_documents(paths) == [["z"], ["a"]]


def test_the_language_reaches_the_splitter(tmp_path):
    path = write(tmp_path / "a.txt", "一。二。")
    assert read_documents(path, "prose", language="en") == [["一。二。"]]
    assert read_documents(path, "prose", language="zh") == [["一。", "二。"]]


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder '.*missing\.txt'"):
        read_documents(tmp_path / "missing.txt")


def test_a_folder_without_text_files_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"'{tmp_path}' holds no \*\.txt"):
        read_documents(tmp_path)


def test_an_empty_corpus_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no text in 1 file.*blank\.txt"):
        read_documents(write(tmp_path / "blank.txt", "\n \n"))


def test_no_paths_are_refused():
    with pytest.raises(ValueError, match="`paths` is empty"):
        read_documents([])


def test_another_encoding_is_refused_with_file_and_byte_offset(tmp_path):
    good = write(tmp_path / "good.txt", "fine")
    bad = write(tmp_path / "bad.txt", "a café", "latin1")
    with pytest.raises(ValueError, match=r"bad\.txt' is not UTF-8: byte offset 5 holds 0xe9"):
        read_documents([good, bad])


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`layout` must be one of sentences, prose, paragraphs\. Received: 'lines'"):
        read_documents(tmp_path, "lines")


def test_a_language_without_effect_is_refused(tmp_path):
    with pytest.raises(ValueError, match="splits nothing"):
        read_documents(write(tmp_path / "a.txt", "a"), language="en")


@pytest.mark.parametrize(
    ("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)], ids=["plain", "gz", "bz2"]
)
def test_compressed_text_and_json_lines_are_read(tmp_path, ending, compress):
    (tmp_path / f"a.txt{ending}").write_bytes(compress(b"One.\nTwo.\n\nThree.\n"))
    lines = [json.dumps({"text": "Four.\nFive.\n\nSix."}), "", json.dumps({"text": None}), json.dumps({"text": "七。"})]
    (tmp_path / f"b.jsonl{ending}").write_bytes(compress("\n".join(lines).encode()))
    assert read_documents(tmp_path) == [["One.", "Two."], ["Three."], ["Four.", "Five."], ["Six."], ["七。"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no json", r"a\.jsonl', line 2: expected a JSON object\. Received: 'no json'"),
        ('{"a": 1}', r"line 2: Expected"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, message):
    path = write(tmp_path / "a.jsonl", f'{{"text": "One."}}\n{line}\n')
    with pytest.raises(ValueError, match=message):
        read_documents(path)


def test_a_binary_file_is_named_with_what_it_is(tmp_path):
    path = write(tmp_path / "a.txt", "text", "utf-16")
    with pytest.raises(ValueError, match=r"a\.txt' is no text, but UTF-16; convert it"):
        read_documents(path)
