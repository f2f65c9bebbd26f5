"""read_conll: what is a word, a tag and a sentence in files of columns, and what is refused with its line."""

import pytest

from keras_bert_layers.data.tasks import read_conll

CONLLU = """# newdoc
# text = I can't go
1	I	I	PRON	_	_	0	_	_	_
2-3	can't	_	_	_	_	_	_	_	_
2	can	can	AUX	_	_	0	_	_	_
3	n't	not	PART	_	_	0	_	_	_
3.1	really	_	_	_	_	_	_	_	_

# text = Go
1	Go	go	VERB	_	_	0	_	_	_
"""


@pytest.fixture
def file(tmp_path):
    def write(content, name="some.conll"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_conllu_gives_words_and_parts_of_speech_without_ranges_empty_nodes_and_comments(file):
    sentences = read_conll(file(CONLLU, "some.conllu"))
    assert sentences.words == [["I", "can", "n't"], ["Go"]]
    assert sentences.tags == [["PRON", "AUX", "PART"], ["VERB"]]
    assert sentences.lines == [[3, 5, 6], [10]]


def test_a_number_sign_and_a_range_are_words_outside_of_conllu(file):
    assert read_conll(file("# O\n1-2 O\n")).words == [["#", "1-2"]]


@pytest.mark.parametrize(
    ("content", "words", "tags"),
    [
        ("a\tO\n\t\nb\tO\n", [["a"], ["b"]], [["O"], ["O"]]),
        ("\n\na O\n\n \n\nb O\n\n\n", [["a"], ["b"]], [["O"], ["O"]]),
        ("a O\r\n\r\nb O", [["a"], ["b"]], [["O"], ["O"]]),
        ("\ufeffa O\n", [["a"]], [["O"]]),
        ("New York\tB-LOC\n", [["New York"]], [["B-LOC"]]),
        ("a\u00a0b O\n\u2028 O\n", [["a\u00a0b", "\u2028"]], [["O", "O"]]),
        ("EU  NNP   B-ORG\nis VBZ O\n", [["EU", "is"]], [["B-ORG", "O"]]),
        ("吴 B-NAME\n阳 E-NAME\n， O\n", [["吴", "阳", "，"]], [["B-NAME", "E-NAME", "O"]]),
    ],
    ids=[
        "tabs in an empty line",
        "several empty lines",
        "lines of Windows",
        "byte order mark",
        "spaces in a word",
        "other white space",
        "columns between",
        "Chinese",
    ],
)
def test_words_and_tags_of(file, content, words, tags):
    sentences = read_conll(file(content))
    assert (sentences.words, sentences.tags) == (words, tags)


def test_document_marks_are_left_out_and_counted(file):
    sentences = read_conll(file("-DOCSTART- -X- O\n\na NN O\n\n-DOCSTART- -X- O\n\nb NN O\n"))
    assert (sentences.words, sentences.document_marks) == ([["a"], ["b"]], 2)


def test_columns_may_be_chosen(file):
    path = file("a;X;O\nb;Y;O\n")
    assert read_conll(path, word=1, tag=0, separator=";").words == [["X", "Y"]]
    assert read_conll(path, word=1, tag=0, separator=";").labels == ["a", "b"]


def test_a_file_without_tags_is_read_for_prediction(file):
    sentences = read_conll(file("a\nb\n\nc\n"), with_tags=False)
    assert (sentences.words, sentences.tags, sentences.labels) == ([["a", "b"], ["c"]], None, [])


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("a O\nb\n", {}, r"line 2: expected 2 columns between spaces, .* Received 1: \['b'\]"),
        ("a\n", {}, "line 1: expected words and tags in two columns"),
        ("a O\n", {"tag": 3}, r"line 1: expected a column 3 .* there are 2"),
        ("a\tO\n\tO\n", {}, "line 2: expected text in column 0"),
        (b"a O\n\nb\xff O\n", {}, "line 3: expected text in utf-8, but invalid start byte at byte 1"),
        ("\n\n", {}, "There are no words in"),
    ],
)
def test_bad_input_is_refused_with_its_line(file, content, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_conll(file(content), **arguments)


def test_a_sentence_of_comments_only_is_refused_in_conllu(file):
    with pytest.raises(ValueError, match="line 12: expected words in the sentence that begins here"):
        read_conll(file(CONLLU + "\n# text =\n", "some.conllu"))
