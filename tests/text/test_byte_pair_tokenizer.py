"""BytePairTokenizer: in every context, saved and copied, and what it refuses."""

import json
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from byte_pair_examples import ADDED_TOKENS, MERGES, SPECIAL_TOKENS, VOCABULARY

from keras_bert_layers.text import BytePairTokenizer, MaskedLMMasker


@pytest.fixture(scope="module")
def small():
    return BytePairTokenizer(VOCABULARY, MERGES, added_tokens=ADDED_TOKENS)


def tokens(tokenizer, text):
    return [tokenizer.id_to_token(token_id) for token_id in tokenizer.tokenize(text).numpy()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("abc", ["abc"]),
        ("abab abc ab", ["ab", "ab", "Ġ", "abc", "Ġab"]),
        ("bca", ["b", "c", "a"]),
        (" lo", ["Ġlo"]),
        ("  lo", ["Ġ", "Ġlo"]),
        ("lo \n", ["lo", "Ġ", "Ċ"]),
        ("\nlo", ["Ċ", "lo"]),
        ("é", ["Ã", "©"]),
        ("a   b", ["a", "   ", "b"]),
        ("a[MASK]<mail>", ["a", "[MASK]", "<mail>"]),
        ("a \n[MASK] b", ["a", "[MASK]", "Ġ", "b"]),
        ("[mask]", ["[", "m", "a", "s", "k", "]"]),
        ("a\x00b", ["a", "Ā", "b"]),
    ],
)
def test_a_text_has_these_tokens(small, text, expected):
    assert tokens(small, text) == expected


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
def test_invalid_utf8_is_dropped_as_by_decoding_with_errors_ignored(small, octets):
    assert small.tokenize([octets]).to_list() == small.tokenize([octets.decode("utf-8", "ignore")]).to_list()


def test_a_byte_without_a_token_is_unknown():
    tokenizer = BytePairTokenizer([*SPECIAL_TOKENS, "a", "b", "ab"], ["a b"])
    assert tokens(tokenizer, "abxa b") == ["ab", "[UNK]", "a", "[UNK]", "b"]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("abc", (None,)),
        (["abc", "lo we"], (2, None)),
        (np.array(["abc"], dtype=object), (1, None)),
        ([], (0, None)),
        ([["abc", ""], ["a", "b"]], (2, None, None)),
        ([["abc"], ["a", "b"]], (2, None, None)),
    ],
    ids=["scalar", "list", "array", "empty", "matrix", "ragged"],
)
def test_ids_have_one_dimension_more_than_the_text(small, text, shape):
    ids = small.tokenize(text)
    assert ids.dtype == tf.int32
    assert tuple(ids.shape)[:1] == shape[:1] or shape == (None,)
    assert ids.shape.rank == len(shape)
    flat = (
        tf.ragged.constant(text).flat_values if isinstance(text, list) and text and isinstance(text[0], list) else text
    )
    values = ids.flat_values if isinstance(ids, tf.RaggedTensor) else ids
    singly = [token_id for one in np.ravel(flat) for token_id in small.tokenize(one).numpy()]
    assert values.numpy().tolist() == singly


@pytest.mark.parametrize("text", [1, [1.5], [["a"], [1]]], ids=["integer", "float", "mixed"])
def test_anything_but_strings_is_refused(small, text):
    with pytest.raises((ValueError, TypeError)):
        small.tokenize(text)


def test_a_tokenizer_made_and_used_inside_a_function_works_afterwards():
    made = []

    @tf.function
    def tokenize(texts):
        made.append(BytePairTokenizer(VOCABULARY, MERGES, added_tokens=ADDED_TOKENS))
        return made[-1].tokenize(texts)

    inside = tokenize(tf.constant(["abc lo"])).to_list()
    assert made[0].tokenize(["abc lo"]).to_list() == inside


def test_a_data_set_that_tokenizes_goes_on_where_it_was_saved(small, tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(["abc", "lo", "we"]).map(small.tokenize, num_parallel_calls=2)
    iterator = iter(dataset)
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "position"))
    expected = next(iterator).numpy().tolist()
    again = iter(dataset)
    tf.train.Checkpoint(iterator=again).restore(path)
    assert next(again).numpy().tolist() == expected


def test_a_saved_model_needs_no_tokenizer(small, tmp_path):
    module = tf.Module()
    module.serve = tf.function(
        lambda texts: small.tokenize(texts).to_tensor(small.pad_id), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    texts = tf.constant(["abc [MASK]", "xyz\x00", ""])
    expected = small.tokenize(texts).to_tensor(small.pad_id)
    assert tf.saved_model.load(str(tmp_path)).serve(texts).numpy().tolist() == expected.numpy().tolist()


@pytest.mark.parametrize("keep", [False, True])
def test_special_tokens_come_back_if_wanted(small, keep):
    ids = [small.cls_id, *small.tokenize("abc<mail>").numpy(), small.sep_id, small.pad_id]
    expected = "[CLS]abc<mail>[SEP][PAD]" if keep else "abc<mail>"
    assert small.detokenize(ids, keep_special_tokens=keep).numpy().decode() == expected
    assert small.detokenize([ids, []], keep_special_tokens=keep).numpy().tolist() == [expected.encode(), b""]


def test_half_a_character_comes_back_as_a_replacement_character(small):
    first = int(small.tokenize("é")[0])
    assert small.detokenize([small.token_to_id("a"), first]).numpy().decode() == "a\ufffd"


@pytest.mark.parametrize("ids", [["a"], 3, [[[1]]]], ids=["strings", "scalar", "rank 3"])
def test_detokenize_refuses_what_are_no_ids(small, ids):
    with pytest.raises(ValueError, match="must be integers"):
        small.detokenize(ids)


def test_vocabulary_and_special_ids(small):
    assert small.vocabulary == VOCABULARY
    assert small.vocabulary_size == len(VOCABULARY)
    assert [small.id_to_token(small.token_to_id(token)) for token in VOCABULARY] == VOCABULARY
    names = [small.cls_id, small.sep_id, small.pad_id, small.unk_id, small.mask_id]
    assert [VOCABULARY[token_id] for token_id in names] == SPECIAL_TOKENS
    assert small.special_ids == tuple(sorted(names))


@pytest.mark.parametrize("token_id", [-1, len(VOCABULARY)])
def test_an_id_outside_the_vocabulary_is_named(small, token_id):
    with pytest.raises(ValueError, match=f"Received: {token_id}"):
        small.id_to_token(token_id)


def test_a_token_outside_the_vocabulary_is_named(small):
    with pytest.raises(ValueError, match="has no 'zebra'"):
        small.token_to_id("zebra")


def test_a_token_continues_a_word_unless_it_begins_with_a_space_or_is_added(small):
    continues = dict(zip(small.vocabulary, small.is_continuation, strict=True))
    assert [token for token in ("a", "ab", "!", "Ċ") if not continues[token]] == []
    assert [token for token in ("Ġ", "Ġab", "[SEP]", "   ", "<mail>") if continues[token]] == []


def test_whole_words_are_masked(small):
    ids = [small.cls_id, *small.tokenize("xyz abcd we lo").numpy(), small.sep_id]
    features = {"token_ids": tf.constant(ids), "padding_mask": tf.ones_like(ids)}
    words = [{1, 2, 3}, {4, 5, 6}, {7, 8}, {9}]
    masker = MaskedLMMasker(small, mask_rate=0.4, strategy="whole_word", max_predictions=4)
    seen = [set(masker(features, index)["mask_positions"].numpy()) - {-1} for index in range(30)]
    assert all(word <= chosen or not word & chosen for chosen in seen for word in words)
    assert len({frozenset(chosen) for chosen in seen}) > 2


def test_config_holds_every_argument_and_round_trips(small):
    settings = {"nfc": True, "add_prefix_space": True, "special_tokens_in_strings": False, "mask_token": "<mail>"}
    config = json.loads(json.dumps({**small.get_config(), **settings}))
    copy = BytePairTokenizer.from_config(config)
    assert copy.get_config() == config
    assert tokens(copy, "e\u0301<mail>") == ["Ġ", "Ã", "©", *"<mail>"]


@pytest.mark.parametrize(
    "copy",
    [
        lambda tokenizer: pickle.loads(pickle.dumps(tokenizer)),
        lambda tokenizer: keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tokenizer)),
    ],
    ids=["pickle", "Keras"],
)
def test_a_copy_is_equal(small, copy):
    assert copy(small).get_config() == small.get_config()


def test_names_of_roberta_are_arguments():
    names = {
        "cls_token": "<s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    tokenizer = BytePairTokenizer([*names.values(), "a", "b", "ab"], ["a b"], **names)
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, tokenizer.unk_id, tokenizer.mask_id) == (
        0,
        1,
        2,
        3,
        4,
    )
    assert tokens(tokenizer, "ab<mask></s>") == ["ab", "<mask>", "</s>"]


def test_a_vocabulary_without_a_mask_token_has_no_mask_id():
    tokenizer = BytePairTokenizer(["<s>", "a", "b", "ab"], ["a b"], *["<s>"] * 4, mask_token=None)
    assert tokenizer.mask_id is None
    assert tokenizer.special_ids == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"merges": ["a b", "zz a"]}, "Merge 1, 'zz a', needs the token 'zz'"),
        ({"merges": ["a c"]}, "needs the token 'ac'"),
        ({"merges": ["ab"]}, "Received: 'ab'"),
        ({"merges": [("a", "b")]}, r"Received: \('a', 'b'\)"),
        ({"merges": ["a b", "a b"]}, "'a b' 2 times"),
        ({"merges": []}, "`merges` is empty"),
        ({"merges": "merges.txt"}, "'merges.txt', which is no file"),
        ({"vocabulary": "vocab.json"}, "'vocab.json', which is no file"),
        ({"vocabulary": ["a", "a"]}, "'a' 2 times"),
        ({"vocabulary": {"a": 0, "b": 0}}, "'a' and 'b' both have the id 0"),
        ({"vocabulary": {"a": 0, "b": 2}}, "none has 1"),
        ({"vocabulary": {0: "a"}}, "Received: 0 with the id 'a'"),
        ({"cls_token": "<s>"}, "has no '<s>'"),
        ({"mask_token": "<mask>"}, "has no '<mask>'"),
        ({"added_tokens": ["<url>"]}, "has no '<url>'"),
        ({"added_tokens": "<mail>"}, "Received the string '<mail>'"),
        ({"added_tokens": ["<mail>", "<mail>"]}, "'<mail>' twice"),
        ({"added_tokens": [{"content": "<mail>", "single_word": True}]}, "single_word"),
        ({"added_tokens": [""]}, "empty"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BytePairTokenizer(**{"vocabulary": VOCABULARY, "merges": MERGES, **arguments})
