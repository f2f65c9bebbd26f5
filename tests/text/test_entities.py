"""Entities in raw texts: offsets cut the text at whole words, planted entities come out as planted."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from byte_pair_examples import MERGES, VOCABULARY
from text_entities import begins_a_word, ends_a_word, hard_texts, kind, planted_text

from keras_bert_layers import models
from keras_bert_layers.data.tasks import spans_from_tags
from keras_bert_layers.text import (
    BertTokenizer,
    BytePairTokenizer,
    WordPreprocessor,
    classify_words,
    decode_entities,
    find_entities,
    text_words,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
NAMES = ["start", "end", "label", "score"]
TEXTS = [*hard_texts(1500, seed=0), "", " ", "\u0301", "\u0000", " a\u0301", "[SEP] a[MASK]\u0301 "]


def tokenizer_of(texts, **arguments):
    """One whose pieces are characters, so that words have several."""
    characters = {form for text in texts for form in text + unicodedata.normalize("NFD", text.lower())}
    characters = sorted(character for character in characters if not character.isspace() and character != "\x00")
    return BertTokenizer([*SPECIAL, *characters, *(f"##{character}" for character in characters)], **arguments)


def byte_pairs(**arguments):
    return BytePairTokenizer(VOCABULARY, MERGES, add_prefix_space=True, **arguments)


def random_probabilities(ids, seed=0, classes=len(LABELS)):
    """Of every token, as a RaggedTensor [B, None, C]."""
    values = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), size=ids.values.shape[0])
    return ids.with_values(tf.constant(values, tf.float32))


def found_in(texts, tokenizer, seed=0):
    words = text_words(tokenizer, tf.constant(texts))
    found = decode_entities(random_probabilities(words.token_ids, seed), *words[1:], LABELS)
    return [[*zip(*row, strict=True)] for row in zip(found["start"].to_list(), found["end"].to_list(), strict=True)]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"rules": "huggingface"}, {"lowercase": False}, {"lowercase": False, "rules": "huggingface"}],
    ids=["uncased", "uncased, huggingface", "cased", "cased, huggingface"],
)
def test_whatever_the_tags_entities_are_stretches_of_whole_words_in_order(arguments):
    is_cased = arguments.get("lowercase") is False
    found = found_in(TEXTS, tokenizer_of(TEXTS, **arguments))
    assert sum(map(len, found)) > 1000
    wrong = []
    for text, spans in zip(TEXTS, found, strict=True):
        end_before = 0
        for start, end in spans:
            inside = 0 <= end_before <= start < end <= len(text) and text[start:end] == text[start:end].strip()
            whole = begins_a_word(text, start) and ends_a_word(text, end)
            # A tokenizer that keeps accents lets a word begin with one, behind punctuation.
            if not inside or not (whole or (is_cased and "\u0301" in text)):
                wrong.append((text, start, end))
            end_before = end
    assert wrong == []


@pytest.mark.parametrize("nfc", [True, False])
def test_whatever_the_tags_entities_of_byte_pairs_are_stretches_of_whole_words_in_order(nfc):
    found = found_in(TEXTS, byte_pairs(nfc=nfc))
    assert sum(map(len, found)) > 1000
    wrong = []
    for text, spans in zip(TEXTS, found, strict=True):
        ends = [0, *(end for _, end in spans)]
        for end_before, (start, end) in zip(ends, spans, strict=False):
            if not (end_before <= start < end and begins_a_word(text, start) and ends_a_word(text, end)):
                wrong.append((text, start, end))
    assert wrong == []


def test_byte_pairs_of_raw_text_are_those_of_its_words():
    sentences = [["abc", "low", "x"], ["\u5317"], ["we", "\U0001f44d\U0001f3fd", "12"]]
    by_word = WordPreprocessor(byte_pairs())(sentences)
    words = text_words(byte_pairs(), tf.constant([" ".join(sentence) for sentence in sentences]))
    inside = by_word["word_ids"] >= 0
    for column, name in ((words.token_ids, "token_ids"), (words.word_ids, "word_ids")):
        assert column.to_list() == tf.ragged.boolean_mask(by_word[name], inside).to_list()


def test_byte_pairs_in_a_graph_have_the_same_words():
    tokenizer, texts = byte_pairs(nfc=True), TEXTS[:50]
    graph = tf.function(lambda batch: text_words(tokenizer, batch), input_signature=[tf.TensorSpec([None], tf.string)])
    for column, expected in zip(graph(tf.constant(texts)), text_words(tokenizer, tf.constant(texts)), strict=True):
        assert column.to_list() == expected.to_list()


def test_tokens_of_nothing_to_be_seen_are_of_the_word_before_them():
    words = text_words(byte_pairs(), tf.constant([" \n ab \u200b c\t", "  "]))
    seen = [sorted({*zip(*columns, strict=True)}) for columns in zip(*(c.to_list() for c in words[1:]), strict=True)]
    assert seen == [[(-1, -1, -1), (0, 3, 5), (1, 8, 9)], [(-1, -1, -1)]]


@pytest.mark.parametrize("rules", ["google", "huggingface"])
def test_words_stand_where_they_do_whatever_texts_are_beside_them(rules):
    tokenizer = tokenizer_of(TEXTS, rules=rules)
    plain = [number for number, text in enumerate(TEXTS) if not {"mark", "dropped"} & {*map(kind, text)} and text]
    assert len(plain) > 50
    together = text_words(tokenizer, tf.constant(TEXTS))
    alone = text_words(tokenizer, tf.constant([TEXTS[number] for number in plain]))
    for column, expected in zip(alone, together, strict=True):
        assert column.to_list() == tf.gather(expected, plain).to_list()


@pytest.mark.parametrize("rules", ["google", "huggingface"])
def test_planted_entities_come_out_as_they_were_planted(rules):
    planted = [planted_text(seed) for seed in range(1000)]
    texts = [text for text, _, _ in planted]
    words = text_words(tokenizer_of(texts, rules=rules), tf.constant(texts))
    tags = []
    for (_, start, end), starts, ends in zip(planted, words.starts.to_list(), words.ends.to_list(), strict=True):
        inside = [start <= word_start and word_end <= end for word_start, word_end in zip(starts, ends, strict=True)]
        first = inside.index(True)
        same_word = [is_inside and starts[i] == starts[first] for i, is_inside in enumerate(inside)]
        tags.append([3 if same else 4 * is_inside for same, is_inside in zip(same_word, inside, strict=True)])
    probabilities = tf.one_hot(tf.ragged.constant(tags), len(LABELS))
    found = decode_entities(probabilities, *words[1:], LABELS)
    spans = zip(found["start"].to_list(), found["end"].to_list(), strict=True)
    assert [*spans] == [([start], [end]) for _, start, end in planted]
    assert found["label"].to_list() == [[b"LOC"]] * len(planted)


@pytest.mark.parametrize("letters", ["BI", "BIES", "BMES", "BILU"])
def test_entities_are_those_of_the_tags_of_the_first_pieces(letters):
    labels = ["O", *(f"{letter}-{entity_type}" for entity_type in ("PER", "LOC") for letter in letters)]
    scheme = {"BI": "BIO", "BIES": "BIOES", "BMES": "BMES", "BILU": "BILOU"}[letters]
    texts = hard_texts(300, seed=1)
    words = text_words(tokenizer_of(texts), tf.constant(texts))
    probabilities = random_probabilities(words.token_ids, 1, len(labels))
    found = decode_entities(probabilities, *words[1:], labels)
    found = [[*zip(*row, strict=True)] for row in zip(*(found[name].to_list() for name in NAMES), strict=True)]
    assert sum(map(len, found)) > 300
    for entities, of_tokens, *columns in zip(
        found, probabilities.numpy(), *(column.to_list() for column in words[1:]), strict=True
    ):
        word_ids, starts, ends = (np.array(column, "int64") for column in columns)
        first = np.flatnonzero(np.diff(word_ids, prepend=-1))
        chosen, starts, ends = of_tokens[first], starts[first], ends[first]
        spans = spans_from_tags([labels[number] for number in chosen.argmax(axis=-1)], scheme)
        assert entities == [
            (starts[start], ends[end - 1], label.encode(), pytest.approx(chosen[start:end].max(axis=-1).mean()))
            for start, end, label in spans
        ]


def test_dense_rows_with_special_tokens_and_padding_give_the_same_entities():
    texts = hard_texts(50, seed=2)
    words = text_words(tokenizer_of(texts), tf.constant(texts))
    probabilities = random_probabilities(words.token_ids, 2)
    ragged = decode_entities(probabilities, *words[1:], LABELS)
    framed = [tf.pad(column.to_tensor(-1), [[0, 0], [1, 2]], constant_values=-1) for column in words[1:]]
    dense = decode_entities(tf.pad(probabilities.to_tensor(), [[0, 0], [1, 2], [0, 0]]), *framed, LABELS)
    assert {name: values.to_list() for name, values in dense.items()} == {
        name: values.to_list() for name, values in ragged.items()
    }


def test_bytes_that_are_no_utf8_count_as_one_replacement_character():
    words = text_words(tokenizer_of(["ab"]), tf.constant([b"a \xff b"]))
    assert (words.starts.to_list(), words.ends.to_list()) == ([[0, 4]], [[1, 5]])


@pytest.fixture(scope="module")
def tagger():
    texts = hard_texts(200, seed=3)
    tokenizer = tokenizer_of(texts)
    config = models.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=8
    )
    return models.token_classifier(models.bert_encoder(config), len(LABELS)), tokenizer, texts


def test_texts_of_any_length_are_answered_token_by_token(tagger):
    _, tokenizer, _ = tagger

    def name_of_token(features):
        return 30 * tf.one_hot(features["token_ids"] % len(LABELS), len(LABELS))

    texts = ["".join(hard_texts(100, seed=number)) for number in range(4)]
    short = find_entities(name_of_token, tokenizer, LABELS, texts, sequence_length=16)
    whole = find_entities(name_of_token, tokenizer, LABELS, texts, sequence_length=4096)
    assert short["start"].values.shape[0] > 100
    for name in ("start", "end", "label"):
        assert short[name].to_list() == whole[name].to_list()


@pytest.mark.long
def test_a_saved_model_finds_the_same_entities(tagger, tmp_path):
    model, tokenizer, texts = tagger
    module = tf.Module()
    module.model = model

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def find(text):
        return find_entities(model, tokenizer, LABELS, text, sequence_length=16)

    module.find = find
    tf.saved_model.save(module, tmp_path / "saved")
    loaded = tf.saved_model.load(tmp_path / "saved")
    served = loaded.find(tf.constant(texts))
    expected = find_entities(model, tokenizer, LABELS, texts, sequence_length=16)
    for name in ("start", "end", "label"):
        assert served[name].to_list() == expected[name].to_list()
    np.testing.assert_allclose(served["score"].values, expected["score"].values, rtol=1e-5)


def test_words_beyond_the_length_have_a_class_and_words_without_tokens_have_none(tagger):
    model, tokenizer, _ = tagger
    sentences = [["Rome", "", "x", "\u200b"] * 10, []]
    classes = classify_words(model, tokenizer, sentences, sequence_length=8).to_list()
    assert [number == -1 for number in classes[0]] == [False, True, False, True] * 10
    assert classes[1] == []


def test_labels_that_are_no_tags_of_entities_are_refused():
    with pytest.raises(ValueError, match="Received: 'NOUN'"):
        decode_entities(tf.zeros([1, 2, 2]), *tf.zeros([3, 1, 2], tf.int32), ["O", "NOUN"])
    with pytest.raises(ValueError, match="must name each of the 2 classes"):
        decode_entities(tf.zeros([1, 2, 2]), *tf.zeros([3, 1, 2], tf.int32), LABELS)
