"""Text divides into documents as its layout says."""

import json

import pytest

from keras_bert_layers.data.layout import Layout

TEXT = "One. Two.\nThree.\n \n\nFour.\n"


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("sentences", [["One. Two.", "Three."], ["Four."]]),
        ("paragraphs", [["One.", "Two.", "Three."], ["Four."]]),
        ("prose", [["One.", "Two.", "Three.", "Four."]]),
    ],
)
def test_a_json_line_is_laid_out_as_a_file_is(layout, expected):
    layout = Layout(layout)
    line = json.dumps({"id": 1, "text": TEXT.replace("\n", "\r\n")})
    assert [layout.sentences(document) for document in layout.documents(TEXT)] == expected
    assert [layout.sentences(document) for document in layout.documents_of_json_line(line)] == expected


@pytest.mark.parametrize("text", ["", "\n \n\n", " "])
@pytest.mark.parametrize("layout", ["sentences", "prose", "paragraphs"])
def test_blank_text_holds_no_document(layout, text):
    assert list(Layout(layout).documents(text)) == []


def test_the_text_field_is_the_one_that_is_named():
    assert Layout("prose", text_field="body").documents_of_json_line('{"text": "no", "body": "yes"}') == ["yes"]


@pytest.mark.parametrize("line", ["{", "12", '["text"]', "", "plain text"])
def test_a_line_that_is_no_json_object_is_told(line):
    assert Layout().documents_of_json_line(line) is None


def test_a_null_text_holds_no_document():
    assert Layout().documents_of_json_line('{"text": null}') == []


def test_a_line_without_the_text_field_is_refused_with_the_fields_it_has():
    with pytest.raises(ValueError, match=r"field 'text' of each line\. .*: body \(str\), id \(int\)"):
        Layout().documents_of_json_line('{"body": "x", "id": 1}')
