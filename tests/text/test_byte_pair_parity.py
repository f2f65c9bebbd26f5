"""BytePairTokenizer gives the ids of Hugging Face's `tokenizers`, whatever the text and the settings."""

import json
import random
from functools import cache

import pytest
import tensorflow as tf
from byte_pair_examples import HARD, SENTENCES, changed, hard_strings, ours_from, set_flags, trained

from keras_bert_layers.text.byte_pair_merger import BytePairMerger
from keras_bert_layers.text.word_split import split_chunks, split_words

SETTINGS = {
    "no normalization, merges as strings": lambda content: (
        content.update(normalizer=None),
        content["model"].update(merges=[" ".join(merge) for merge in content["model"]["merges"]]),
    ),
    "prefix space": lambda content: content["pre_tokenizer"].update(add_prefix_space=True),
    "tokens that take the white space beside them": lambda content: (
        set_flags(content, "lstrip", "[SEP]", "[unused1]"),
        set_flags(content, "rstrip", "[MASK]", "[unused1]", "  "),
    ),
    "spaces found before normalization": lambda content: set_flags(
        content, "normalized", *(" " * count for count in range(2, 25)), value=False
    ),
    "special tokens found after normalization": lambda content: set_flags(
        content, "normalized", "[MASK]", "[SEP]", "<|padding|>"
    ),
}


@cache
def graph_of(tokenizer):
    return tf.function(tokenizer.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])


def differences(tokenizer, theirs, texts):
    got = graph_of(tokenizer)(tf.constant(texts)).to_list()
    expected = [encoding.ids for encoding in theirs.encode_batch(texts, add_special_tokens=False)]
    return [(text, row, want) for text, row, want in zip(texts, got, expected, strict=True) if row != want]


@pytest.fixture(scope="module")
def modernbert(tmp_path_factory):
    return ours_from(json.loads(trained().to_str()), tmp_path_factory.mktemp("modernbert"))


@pytest.fixture(scope="module")
def ids_of_hard_strings(modernbert):
    return dict(zip(HARD, modernbert.tokenize([*HARD.values()]).to_list(), strict=True))


@pytest.mark.parametrize("name", HARD)
def test_hard_string_has_the_ids_of_hugging_face(ids_of_hard_strings, name):
    assert ids_of_hard_strings[name] == trained().encode(HARD[name], add_special_tokens=False).ids


def test_generated_strings_have_the_ids_of_hugging_face(modernbert):
    assert differences(modernbert, trained(), hard_strings(5000, seed=1)) == []


@pytest.mark.parametrize("change", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_has_the_effect_that_it_has_at_hugging_face(change, tmp_path):
    theirs, content = changed(change)
    assert differences(ours_from(content, tmp_path), theirs, hard_strings(600, seed=2)) == []


def test_every_character_is_divided_from_others_as_by_hugging_face():
    tokenizers = pytest.importorskip("tokenizers", reason="not installed: pip install tokenizers")
    divide = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False).pre_tokenize_str
    # The planes with characters in them; densely where Unicode still grows.
    points = [*range(1, 0x3000), *range(0x3000, 0xD800, 17), *range(0xE000, 0x33000, 5), 0xA7DA, 0x2EBF0, 0x2EE5D]
    texts = [f"a{chr(point)}1{chr(point)} !{chr(point)} {chr(point)}\n" for point in points]
    words = tf.function(lambda texts: split_words(split_chunks(texts).values))(tf.constant(texts)).values
    expected = [text[start:end] for text in texts for _, (start, end) in divide(text)]
    assert [word.decode() for word in words.numpy() if word] == expected


def test_a_word_of_a_hundred_thousand_letters_takes_a_few_rounds(modernbert, monkeypatch):
    rounds = []
    one_round = BytePairMerger._round
    monkeypatch.setattr(BytePairMerger, "_round", lambda *args: rounds.append(1) or one_round(*args))
    word = "".join(random.Random(0).choices("etaoinshr", k=100_000))
    assert modernbert.tokenize(word).numpy().tolist() == trained().encode(word, add_special_tokens=False).ids
    assert 1 < len(rounds) < 40


def test_ids_equal_those_of_keras_hub_where_it_divides_alike(modernbert):
    keras_hub = pytest.importorskip("keras_hub", reason="not installed: pip install keras-nlp")
    theirs = keras_hub.tokenizers.BytePairTokenizer(
        {token: token_id for token_id, token in enumerate(modernbert.vocabulary)}, modernbert.merges
    )
    texts = [sentence for sentence in SENTENCES if "\n" not in sentence]
    graph = tf.function(theirs.tokenize)
    assert modernbert.tokenize(texts).to_list() == graph(tf.constant(texts)).to_list()


def test_untrusted_text_cannot_write_special_tokens(tmp_path):
    theirs, content = changed(lambda content: None)
    theirs.encode_special_tokens = True
    tokenizer = ours_from(content, tmp_path, special_tokens_in_strings=False)
    texts = ["[CLS] a [SEP]b[MASK]|||IP_ADDRESS|||  [unused1]", *hard_strings(300, seed=3)]
    assert not set(tokenizer.tokenize(texts).values.numpy()) & set(tokenizer.special_ids)
    assert differences(tokenizer, theirs, texts) == []


def test_eager_and_graph_give_the_same_ids_alone_and_in_a_batch(modernbert):
    texts = [*HARD.values()]
    together = modernbert.tokenize(texts).to_list()
    assert graph_of(modernbert)(tf.constant(texts)).to_list() == together
    assert [graph_of(modernbert)(tf.constant([text])).to_list() for text in texts] == [[ids] for ids in together]


def test_text_comes_back(modernbert):
    texts = [text for text in (*SENTENCES, *HARD.values()) if "[" not in text and "<" not in text]
    ids = modernbert.tokenize(texts)
    normalized = [trained().normalizer.normalize_str(text) for text in texts]
    assert [text.decode() for text in modernbert.detokenize(ids).numpy()] == normalized
