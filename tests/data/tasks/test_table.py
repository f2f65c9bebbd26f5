"""Tables of texts: what is read, and how a bad file is named."""

import csv
import json

import numpy as np
import pytest

from keras_bert_layers.data import tasks

NAMED = {"text": "text", "label": "label"}
NUMBERED = {"text": 0, "label": 1}


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "columns", "texts", "labels", "lines"),
    [
        ("a.tsv", "good\t1\nbad\t0\n", NUMBERED, ["good", "bad"], ["1", "0"], [1, 2]),
        ("a.tsv", "label\ttext\n1\tgood\n", NAMED, ["good"], ["1"], [2]),
        ("a.tsv", 'a "quoted word\t1\n"b\t0\n', NUMBERED, ['a "quoted word', '"b'], ["1", "0"], [1, 2]),
        (
            "a.tsv",
            "with\u2028line\x0bmarks\t1\r\nb\t0\r\n\r\n",
            NUMBERED,
            ["with\u2028line\x0bmarks", "b"],
            ["1", "0"],
            [1, 2],
        ),
        ("a.tsv", "\ufefftext\tlabel\ngood\t1", NAMED, ["good"], ["1"], [2]),
        (
            "a.csv",
            'text,label\n"a, b",x\n"two\nlines ""here""",y\nc,z\n',
            NAMED,
            ["a, b", 'two\nlines "here"', "c"],
            list("xyz"),
            [2, 3, 5],
        ),
        ("a.csv", "x,a,b\n", {"text": 1}, ["a"], None, [1]),
        (
            "a.jsonl",
            '{"label": 3, "text": "a\\nb"}\n{"text": "c", "label": "x"}\n',
            NAMED,
            ["a\nb", "c"],
            ["3", "x"],
            [1, 2],
        ),
        (
            "a.jsonl",
            '{"text": "a", "label": ["x", 2]}\n{"text": "b", "label": []}',
            NAMED,
            ["a", "b"],
            [["x", "2"], []],
            [1, 2],
        ),
        ("a.txt", "one text a line\n\nlast\n\n", {"text": 0}, ["one text a line", "", "last"], None, [1, 2, 3]),
    ],
)
def test_a_table_is_read_as_it_is_written(name, content, columns, texts, labels, lines, tmp_path):
    table = tasks.read_table(written(tmp_path, name, content), **columns)
    assert (table.texts, table.pairs, table.labels, table.lines) == (texts, None, labels, lines)


def test_what_the_csv_module_writes_is_read_back(tmp_path):
    rng = np.random.default_rng(0)
    rows = [["".join(rng.choice(list('ab ,"\n;é'), 8)), "x", "".join(rng.choice(list('",\n'), 3))] for _ in range(200)]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    table = tasks.read_table(tmp_path / "a.csv", text=0, text_pair=2, label=1)
    assert [list(row) for row in zip(table.texts, table.labels, table.pairs, strict=True)] == rows


def test_another_delimiter_header_and_encoding_are_taken_by_name(tmp_path):
    path = written(tmp_path, "a.data", "sätt;x\nöl;y\n".encode("latin-1"))
    table = tasks.read_table(path, text=0, label=1, header=True, delimiter=";", encoding="latin-1")
    assert (table.texts, table.labels) == (["öl"], ["y"])


def test_rows_with_an_empty_text_or_partner_are_kept_and_named(tmp_path):
    path = written(tmp_path, "a.tsv", "a\tb\n\tb\na\t \na\tb\n")
    table = tasks.read_table(path, text=0, text_pair=1)
    assert (len(table), table.empty) == (4, [2, 3])


def test_numbers_are_float32(tmp_path):
    numbers = tasks.read_table(written(tmp_path, "a.tsv", "a\t1.5\nb\t-2\n"), **NUMBERED).numbers()
    assert (numbers.dtype, numbers.tolist()) == (np.float32, [1.5, -2.0])


@pytest.mark.parametrize("label", ["", "many", "nan", "inf"])
def test_a_label_that_is_no_number_is_named_with_its_line(label, tmp_path):
    table = tasks.read_table(written(tmp_path, "a.tsv", f"a\t1\nb\t{label}\n"), **NUMBERED)
    with pytest.raises(ValueError, match=rf"a.tsv, line 2: expected a number as label. Received: '{label}'"):
        table.numbers()


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        (
            "a.tsv",
            "a\t1\nb\n",
            NUMBERED,
            r"a.tsv, line 2: expected 2 column\(s\) as in the first row. Received 1: \['b'\]",
        ),
        ("a.tsv", "a\t1\n\nb\t1\n", NUMBERED, r"line 2: expected 2 column\(s\)"),
        ("a.csv", "text,label\na,1,2\n", NAMED, r"line 2: expected 2 column\(s\) .* Received 3"),
        ("a.tsv", "a\t1\n", {"text": 0, "label": 2}, r"line 1: expected a column 2 \(counted from 0\). There are 2"),
        ("a.tsv", "a\t1\n", NAMED, r"one column named 'text' \(there are none\). The first line is \['a', '1'\]"),
        ("a.tsv", "text\ttext\nb\tc\n", {"text": "text"}, r"named 'text' \(there are 2\)"),
        ("a.tsv", "a\t1\n", {**NAMED, "header": False}, r"named 'text' \(there is no header\)"),
        ("a.csv", 'a,1\n"b,0\n', NUMBERED, "a.csv, line 2: the row that begins here is no CSV: unexpected end of data"),
        ("a.csv", 'a,1\n"b"c,0\n', NUMBERED, "line 2: the row that begins here is no CSV"),
        ("a.tsv", b"a\t1\nb\xff\t0\n", NUMBERED, "a.tsv, line 2: expected text in utf-8, but invalid start byte"),
        (
            "a.jsonl",
            '{"text": "a", "label": 1}\n{"text": "b"\n',
            NAMED,
            r"a.jsonl, line 2: expected a JSON object. Expect",
        ),
        ("a.jsonl", '["a"]\n', NAMED, r"line 1: expected a JSON object. Received"),
        ("a.jsonl", '{"text": "a"}\n', NAMED, "line 1: expected a field 'label'. There are: text"),
        ("a.jsonl", '{"text": 3, "label": 1}\n', NAMED, "line 1: expected a string as 'text'. Received: '3'"),
        (
            "a.jsonl",
            '{"text": "a", "label": null}\n',
            NAMED,
            "expected a string, a number or a list of these as 'label'",
        ),
        ("a.jsonl", '{"text": "a"}\n', {"text": 0}, "fields of .* have names, no numbers. Received: 0"),
        ("a.parquet", "PAR1", NUMBERED, "must end in .tsv, .tab, .txt, .csv, .jsonl, .ndjson"),
        ("a.tsv", "", NUMBERED, "There are no rows in"),
        ("a.tsv", "text\tlabel\n", NAMED, "There are no rows in"),
        ("a.jsonl", "\n", NAMED, "There are no rows in"),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(name, content, columns, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tasks.read_table(written(tmp_path, name, content), **columns)


def test_numbers_of_a_table_without_labels_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"was read without labels. Name the column"):
        tasks.read_table(written(tmp_path, "a.tsv", "a\n"), text=0).numbers()


def test_what_json_writes_is_read_back(tmp_path):
    texts = ['"\\', "two\nlines", "\u2028", "é 无 🙂", ""]
    lines = [json.dumps({"text": text, "other": None}, ensure_ascii=False) for text in texts]
    table = tasks.read_table(written(tmp_path, "a.ndjson", "\n".join(lines)), text="text")
    assert table.texts == texts
