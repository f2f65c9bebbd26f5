"""WordPreprocessor: tokens and words as Hugging Face's tokenizers have them, in every way it can be called."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from bert_tokenization_strings import HARD_STRINGS
from byte_pair_examples import ADDED_TOKENS, MERGES, VOCABULARY

from keras_bert_layers.text import BertTokenizer, BytePairTokenizer, WordPreprocessor

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "##s", "a", "!"]
SENTENCES = [["Good", "films!"], [], ["bad", "\x00", "", "zoo", "[SEP]"], ["a"] * 9]

TOKENIZERS = {
    "WordPiece": lambda: BertTokenizer(TOKENS),
    "byte pairs": lambda: BytePairTokenizer(VOCABULARY, MERGES, added_tokens=ADDED_TOKENS, add_prefix_space=True),
}
tokenizers = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


def hard_sentences():
    """The strings that are hard for tokenizers, as single words and cut at spaces."""
    words = list(HARD_STRINGS.values())
    return [*([word] for word in words), words, *(word.split(" ") for word in words if word.strip())]


def test_tokens_words_and_padding():
    features = WordPreprocessor(BertTokenizer(TOKENS), sequence_length=8)(SENTENCES)
    assert features["token_ids"].numpy().tolist() == [
        [2, 5, 7, 8, 10, 3, 0, 0],
        [2, 3, 0, 0, 0, 0, 0, 0],
        [2, 6, 1, 3, 3, 0, 0, 0],
        [2, 9, 9, 9, 9, 9, 9, 3],
    ]
    assert features["word_ids"].numpy().tolist() == [
        [-1, 0, 1, 1, 1, -1, -1, -1],
        [-1, -1, -1, -1, -1, -1, -1, -1],
        [-1, 0, 3, 4, -1, -1, -1, -1],
        [-1, 0, 1, 2, 3, 4, 5, -1],
    ]
    assert features["padding_mask"].numpy().sum(axis=1).tolist() == [6, 2, 5, 8]
    assert not features["segment_ids"].numpy().any()


def test_tokens_and_words_are_those_of_hugging_face():
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face's transformers")
    sentences = hard_sentences()
    characters = sorted({character for sentence in sentences for word in sentence for character in word.lower()})
    characters = [character for character in characters if character.isprintable() and not character.isspace()]
    vocabulary = list(dict.fromkeys([*TOKENS, *characters, *(f"##{character}" for character in characters)]))
    theirs = transformers.BertTokenizer(vocab={token: number for number, token in enumerate(vocabulary)})
    ours = WordPreprocessor(BertTokenizer(vocabulary, rules="huggingface"), sequence_length=64)
    encodings = theirs(sentences, is_split_into_words=True, truncation=True, max_length=64, padding=True)
    features = ours(sentences)
    assert features["token_ids"].numpy().tolist() == encodings["input_ids"]
    words = [[-1 if word is None else word for word in encodings.word_ids(row)] for row in range(len(sentences))]
    assert features["word_ids"].numpy().tolist() == words


def test_byte_pairs_and_words_are_those_of_hugging_face(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="needs Hugging Face's tokenizers: pip install tokenizers")
    ours = TOKENIZERS["byte pairs"]()
    ours.write_tokenizer_json(tmp_path)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert json.loads((tmp_path / "tokenizer.json").read_text())["pre_tokenizer"]["add_prefix_space"]
    sentences = [["ab", "low", "abc", "lowe", "!"], ["a b", "c"], ["é", "", "x"]]
    encodings = theirs.encode_batch(sentences, is_pretokenized=True, add_special_tokens=False)
    features = WordPreprocessor(ours)(sentences)
    for row, encoding in enumerate(encodings):
        assert features["token_ids"][row, 1 : len(encoding.ids) + 1].numpy().tolist() == encoding.ids
        assert features["word_ids"][row, 1 : len(encoding.ids) + 1].numpy().tolist() == encoding.word_ids


@tokenizers
@pytest.mark.parametrize("padding", ["longest", "max"])
def test_features_are_the_same_eagerly_in_datasets_and_from_dense_rows(tokenizer, padding):
    layer = WordPreprocessor(tokenizer(), sequence_length=12, padding=padding)
    ragged = tf.ragged.constant(SENTENCES)
    expected = layer(SENTENCES)
    in_dataset = next(iter(tf.data.Dataset.from_tensors(ragged).map(layer)))
    for name, feature in expected.items():
        assert feature.dtype == tf.int32
        np.testing.assert_array_equal(in_dataset[name], feature)
        np.testing.assert_array_equal(layer(ragged.to_tensor())[name], feature)


@tokenizers
def test_a_functional_model_may_begin_with_it(tokenizer):
    layer = WordPreprocessor(tokenizer(), sequence_length=12)
    words = keras.Input((None,), dtype="string")
    model = keras.Model(words, layer(words))
    rows = tf.ragged.constant(SENTENCES).to_tensor()
    for name, feature in layer(rows).items():
        assert model.output[name].dtype == "int32"
        np.testing.assert_array_equal(model(rows)[name], feature)


@tokenizers
def test_the_layer_comes_back_from_its_config(tokenizer):
    layer = WordPreprocessor(tokenizer(), sequence_length=12, padding="longest", pad_to_multiple_of=4)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(SENTENCES)["word_ids"], layer(SENTENCES)["word_ids"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: WordPreprocessor(BytePairTokenizer(VOCABULARY, MERGES)), "add_prefix_space=True"),
        (lambda: WordPreprocessor("vocab.txt"), "must be a BertTokenizer or a BytePairTokenizer"),
        (lambda: WordPreprocessor(BertTokenizer(TOKENS), sequence_length=2), "`sequence_length` must be"),
        (lambda: WordPreprocessor(BertTokenizer(TOKENS))(["good", "film"]), "strings of rank 1"),
        (lambda: WordPreprocessor(BertTokenizer(TOKENS))([[1, 2]]), "takes strings"),
    ],
)
def test_bad_settings_and_inputs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
