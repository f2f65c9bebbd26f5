"""Vocabulary files: what is read, what is refused, and that writing leaves no half of a file."""

import pytest

from keras_bert_layers.text import BertTokenizer, vocab_file

GOOD = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "word", "\u2028", "##é"]


def test_a_written_vocabulary_reads_back_equal(tmp_path):
    BertTokenizer(GOOD).save(tmp_path / "vocab.txt")
    assert BertTokenizer(tmp_path / "vocab.txt").vocabulary == GOOD
    assert [path.name for path in tmp_path.iterdir()] == ["vocab.txt"]


def test_saving_replaces_an_older_vocabulary(tmp_path):
    (tmp_path / "vocab.txt").write_text("old\n")
    BertTokenizer(GOOD).save(str(tmp_path / "vocab.txt"))
    assert vocab_file.read_vocabulary(tmp_path / "vocab.txt") == GOOD


def test_a_failed_write_leaves_the_older_vocabulary(tmp_path):
    (tmp_path / "vocab.txt").write_text("old\n")
    with pytest.raises(ValueError, match="line break"):
        vocab_file.write_vocabulary(["a", "b\nc"], tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_text() == "old\n"


def test_a_last_line_without_line_feed_counts(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(GOOD), encoding="utf-8")
    assert vocab_file.read_vocabulary(tmp_path / "vocab.txt") == GOOD


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\na\n", r"'a' at \[4, 6\]"),
        (b"[PAD]\n[CLS]\nword\n", r"lacks \[UNK\], \[SEP\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nword \n", "Line 5 .* ends with white space: 'word '"),
        (b"[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n", r"Line 1 .*CRLF"),
        (b"[PAD]\n[UNK]\n\n[CLS]\n[SEP]\n", "Token 2 is ''"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n\xff\n", "no UTF-8"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, content, message):
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        BertTokenizer(tmp_path / "vocab.txt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.txt', which is no file"):
        BertTokenizer(tmp_path / "nowhere.txt")
    with pytest.raises(ValueError, match="which is no file"):
        BertTokenizer(tmp_path)


def test_a_token_that_is_no_string_is_named():
    with pytest.raises(ValueError, match="Token 4 is 7"):
        BertTokenizer([*GOOD[:4], 7])
