"""The tokenizer gives the tokens of BERT's original one, which bert_tokenization_reference spells out."""

import bert_tokenization_reference as reference
import pytest
import tensorflow as tf
from bert_tokenization_strings import (
    HARD_STRINGS,
    SPECIAL_TOKENS,
    character_vocabulary,
    generated_strings,
    stable_characters,
)

from keras_bert_layers.text import BertTokenizer

VOCABULARY = character_vocabulary()
KNOWN = frozenset(VOCABULARY)
lowercase = pytest.mark.parametrize("lowercase", [True, False], ids=["uncased", "cased"])


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizer(request):
    return BertTokenizer(VOCABULARY, lowercase=request.param)


def tokens(tokenizer, texts):
    return [[tokenizer.id_to_token(i) for i in row] for row in tokenizer.tokenize(texts).to_list()]


@pytest.mark.parametrize("text", HARD_STRINGS.values(), ids=HARD_STRINGS)
def test_hard_string_has_the_tokens_of_the_reference(tokenizer, text):
    expected = reference.tokenize(text, KNOWN, tokenizer.lowercase, SPECIAL_TOKENS)
    assert tokens(tokenizer, [text]) == [expected]


def test_generated_strings_have_the_tokens_of_the_reference(tokenizer):
    texts = generated_strings(4000, seed=1)
    expected = [reference.tokenize(text, KNOWN, tokenizer.lowercase, SPECIAL_TOKENS) for text in texts]
    different = [
        (text, got, want)
        for text, got, want in zip(texts, tokens(tokenizer, texts), expected, strict=True)
        if got != want
    ]
    assert different == []


@lowercase
def test_every_character_inside_a_word_has_the_tokens_of_the_reference(lowercase):
    vocabulary = character_vocabulary(stable_characters())
    tokenizer, known = BertTokenizer(vocabulary, lowercase=lowercase), frozenset(vocabulary)
    texts = [f"a{character}b" for character in stable_characters()]
    expected = [reference.tokenize(text, known, lowercase) for text in texts]
    different = [
        (text, got, want)
        for text, got, want in zip(texts, tokens(tokenizer, texts), expected, strict=True)
        if got != want
    ]
    assert different == []


def test_untrusted_text_cannot_write_special_tokens():
    tokenizer = BertTokenizer(VOCABULARY, special_tokens_in_strings=False)
    texts = ["[CLS] a [SEP]b[MASK]", *generated_strings(200, seed=2)]
    assert tokens(tokenizer, texts) == [reference.tokenize(text, KNOWN, True) for text in texts]


def test_lowercasing_without_stripping_accents_keeps_them():
    tokenizer = BertTokenizer([*SPECIAL_TOKENS, "ä", "##é", "e", "##\u0301"], lowercase=True, strip_accents=False)
    assert tokens(tokenizer, ["ÄÉ e\u0301"]) == [["ä", "##é", "e", "##\u0301"]]


@pytest.mark.parametrize("limit", [1, 3, 100, 250])
def test_words_beyond_the_character_limit_are_unknown(limit):
    tokenizer = BertTokenizer(VOCABULARY, max_characters_per_word=limit)
    texts = ["é" * (limit + extra) + tail for extra in (-1, 0, 1, 2) for tail in ("", " a", "!bb")]
    expected = [reference.tokenize(text, KNOWN, True, max_characters=limit) for text in texts]
    assert tokens(tokenizer, texts) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"a\xffb",
        b"\xc3",
        b"ab\xe4\xb8 c",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80x",
        b"\xf3\xb8\xad y",
        b"\x80\x81",
        b"\xc0\xaf",
    ],
)
def test_invalid_utf8_is_dropped_as_by_decoding_with_errors_ignored(tokenizer, octets):
    assert tokens(tokenizer, [octets]) == [
        reference.tokenize(octets.decode("utf-8", "ignore"), KNOWN, tokenizer.lowercase)
    ]


def test_a_graph_gives_the_ids_of_eager_execution(tokenizer):
    texts = tf.constant([*HARD_STRINGS.values()])
    graph = tf.function(tokenizer.tokenize)
    assert graph(texts).to_list() == tokenizer.tokenize(texts).to_list()


def test_a_text_has_the_same_ids_alone_and_in_a_batch(tokenizer):
    texts = [*HARD_STRINGS.values()]
    together = tokenizer.tokenize(texts).to_list()
    assert [tokenizer.tokenize(text).numpy().tolist() for text in texts] == together
