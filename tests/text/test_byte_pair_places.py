"""Where the tokens of BytePairTokenizer stand: as Hugging Face says, in the text as it was given."""

import json
import unicodedata

import pytest
import tensorflow as tf
from byte_pair_examples import HARD, MERGES, SPECIAL_TOKENS, VOCABULARY, changed, hard_strings, ours_from, set_flags

from keras_bert_layers.text import BytePairTokenizer
from keras_bert_layers.text.byte_symbols import symbols_to_bytes

SETTINGS = {
    "as ModernBERT": lambda content: None,
    "no normalization": lambda content: content.update(normalizer=None),
    "prefix space": lambda content: content["pre_tokenizer"].update(add_prefix_space=True),
    "tokens that take the white space beside them": lambda content: (
        set_flags(content, "lstrip", "[SEP]", "[unused1]"),
        set_flags(content, "rstrip", "[MASK]", "[unused1]", "  "),
    ),
    "special tokens found after normalization": lambda content: set_flags(
        content, "normalized", "[MASK]", "[SEP]", "<|padding|>"
    ),
}
TEXTS = [*HARD.values(), *hard_strings(1500, seed=3)]


def places(tokenizer, texts, unit="character"):
    """Of each text a list of (id, start, end)."""
    columns = [rows.to_list() for rows in tokenizer.tokenize_with_offsets(texts, unit=unit)]
    return [[*zip(*rows, strict=True)] for rows in zip(*columns, strict=True)]


def trimmed(text, token, start, end, added):
    """The place that Hugging Face gives a token, without the white space of which it has all bytes."""
    octets = None if token in added else symbols_to_bytes(token)
    said = text[start:end] if octets is None else octets.decode(errors="surrogateescape")
    if not said.strip():
        return end, end
    leading = len(said) - len(said.lstrip())
    # A space that was put before the text has no place in it.
    return start + leading * text[start].isspace(), end - len(said) + len(said.rstrip())


@pytest.mark.parametrize("name", SETTINGS)
def test_tokens_stand_where_hugging_face_says(name, tmp_path):
    theirs, content = changed(SETTINGS[name])
    ours = ours_from(content, tmp_path)
    added = {token["content"] for token in content["added_tokens"]}
    # Of a character that is put together from several they give the place of the first.
    texts = [text for text in TEXTS if unicodedata.is_normalized("NFC", text) or content["normalizer"] is None]
    assert len(texts) > 1000
    wrong = []
    for text, found in zip(texts, places(ours, texts), strict=True):
        encoding = theirs.encode(text, add_special_tokens=False)
        expected = [
            (token_id, *trimmed(text, token, *place, added))
            for token_id, token, place in zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        ]
        # Where in white space an empty place is, is all one.
        found, expected = ([row if row[1] < row[2] else row[:1] for row in rows] for rows in (found, expected))
        if found != expected:
            wrong.append((text, found, expected))
    assert wrong == []


def test_ids_and_order_are_those_of_tokens_without_places(tmp_path):
    ours = ours_from(json.loads(changed(lambda content: None)[0].to_str()), tmp_path)
    assert [[token_id for token_id, _, _ in row] for row in places(ours, TEXTS)] == ours.tokenize(TEXTS).to_list()
    for text, row in zip(TEXTS, places(ours, TEXTS), strict=True):
        ends = [0, *(end for _, _, end in row)]
        assert all(0 <= start <= end <= len(text) for _, start, end in row)
        assert ends == sorted(ends)


@pytest.fixture(scope="module")
def small():
    return BytePairTokenizer(VOCABULARY, MERGES, nfc=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab lo", ["ab", "lo"]),
        ("a  b", ["a", "", "", "b"]),
        ("é", ["é", "é"]),
        ("e\u0301x", ["e\u0301", "e\u0301", "x"]),
        ("a\x00b", ["a", "\x00", "b"]),
        ("\U0010ffff!\U0010fffe", [*["\U0010ffff"] * 4, "!", *["\U0010fffe"] * 4]),
        ("e\u0301\x00 [MASK] b", ["e\u0301", "e\u0301", "\x00", "", "[MASK]", "", "b"]),
    ],
)
def test_a_token_is_cut_out_of_the_text(small, text, expected):
    for texts in ([text], ["other", text, "e\u0301"]):
        row = places(small, texts)[len(texts) // 2]
        assert [text[start:end] for _, start, end in row] == expected
    octets = text.encode()
    assert [octets[start:end].decode() for _, start, end in places(small, [text], "byte")[0]] == expected


def test_bytes_that_are_no_utf8_count_and_are_no_part_of_a_token_but_inside_it(small):
    row = places(small, [b"c\xffc \xe4\xb8a\xffb"], "byte")[0]
    assert [(start, end) for _, start, end in row if start < end] == [(0, 1), (2, 3), (6, 9)]


def test_a_byte_without_a_token_has_a_place():
    tokenizer = BytePairTokenizer([*SPECIAL_TOKENS, "a", "b", "ab"], ["a b"])
    assert [(start, end) for _, start, end in places(tokenizer, ["abxa"])[0]] == [(0, 2), (2, 3), (3, 4)]


@pytest.mark.parametrize("text", ["abc", ["abc", ""], [["abc", "lo"], ["", "a"]]], ids=["one", "batch", "matrix"])
def test_places_have_the_shape_of_the_ids(small, text):
    ids, starts, ends = small.tokenize_with_offsets(text)
    for column in (starts, ends):
        assert (column.dtype, column.shape.as_list()) == (tf.int64, ids.shape.as_list())


def test_a_graph_gives_the_same(small):
    graph = tf.function(small.tokenize_with_offsets, input_signature=[tf.TensorSpec([None], tf.string)])
    texts = ["e\u0301 lo\x00", "ab", "", "[MASK] a"]
    for column, expected in zip(graph(tf.constant(texts)), small.tokenize_with_offsets(texts), strict=True):
        assert column.to_list() == expected.to_list()


def test_another_unit_is_refused(small):
    with pytest.raises(ValueError, match=r'must be "byte" or "character"\. Received: \'word\''):
        small.tokenize_with_offsets("a", unit="word")
