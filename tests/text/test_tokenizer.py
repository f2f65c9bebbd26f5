"""BertTokenizer: shapes, offsets, detokenization, lookups, saving and errors."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from bert_tokenization_strings import HARD_STRINGS, character_vocabulary

from keras_bert_layers.text import BertTokenizer

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "cafe", "!", "##s", "x", "y"]


@pytest.fixture(scope="module")
def tokenizer():
    return BertTokenizer(TOKENS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unaffable!", [5, 6, 7, 9]),
        (b"unaffable", [5, 6, 7]),
        ("", []),
        (["x", "", "x!"], [[11], [], [11, 9]]),
        ([], []),
        (np.array(["x"]), [[11]]),
        (np.array(["x", "!!"], dtype=object), [[11], [9, 9]]),
        ([["x x", "!"], ["cafes"]], [[[11, 11], [9]], [[8, 10]]]),
        (tf.constant([["x", "!"], ["!", "cafes"]]), [[[11], [9]], [[9], [8, 10]]]),
        (tf.constant("x!"), [11, 9]),
    ],
)
def test_ids_have_one_dimension_more_than_the_text(tokenizer, text, expected):
    ids = tokenizer.tokenize(text)
    assert ids.dtype == tf.int32
    assert (ids.to_list() if isinstance(ids, tf.RaggedTensor) else ids.numpy().tolist()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Unaffable  !", ["Un", "aff", "able", "!"]),
        ("Cafés X", ["Café", "s", "X"]),
        ("cafe\u0301s", ["cafe\u0301", "s"]),
        ("x\u200b x", ["x\u200b", "x"]),
        ("İİ x", ["İİ", "x"]),
        ("zebra x[MASK]é", ["zebra", "x", "[MASK]", "é"]),
        ("ΟΔΟΣ [SEP] x", ["ΟΔΟΣ", "[SEP]", "x"]),
        ("a" * 300 + "! x", ["a" * 300, "!", "x"]),
        ("😀x, 中x", ["😀x", ",", "中", "x"]),
    ],
)
@pytest.mark.parametrize("unit", ["byte", "character"])
def test_offsets_cut_the_tokens_out_of_the_original_text(tokenizer, text, expected, unit):
    ids, starts, ends = tokenizer.tokenize_with_offsets(["", text], unit=unit)
    source = text.encode() if unit == "byte" else text
    pieces = [source[start:end] for start, end in zip(starts[1].numpy(), ends[1].numpy(), strict=True)]
    assert [piece.decode() if unit == "byte" else piece for piece in pieces] == expected
    assert ids.to_list() == tokenizer.tokenize(["", text]).to_list()


def test_tokens_inside_one_character_cover_that_character():
    tokenizer = BertTokenizer([*TOKENS, "ᄒ", "##ᅡ", "##ᆫ"])
    _, starts, ends = tokenizer.tokenize_with_offsets("x 한")
    assert starts.numpy().tolist() == [0, 2, 2, 2]
    assert ends.numpy().tolist() == [1, 5, 5, 5]


def test_offsets_of_hard_strings_are_ordered_and_inside_the_text():
    tokenizer = BertTokenizer(character_vocabulary())
    texts = [*HARD_STRINGS.values()]
    _, starts, ends = tokenizer.tokenize_with_offsets(texts)
    lengths = tf.strings.length(texts).numpy()
    assert (starts.flat_values.numpy() < ends.flat_values.numpy()).all()
    assert (ends.to_tensor().numpy().max(axis=1) <= lengths).all()
    assert all((np.diff(row) >= 0).all() for row in starts.to_list())


@pytest.mark.parametrize(
    ("ids", "keep", "expected"),
    [
        ([5, 6, 7, 9], False, b"unaffable !"),
        ([2, 11, 3, 0, 0], False, b"x"),
        ([2, 11, 3, 0], True, b"[CLS] x [SEP] [PAD]"),
        ([10, 11], False, b"##s x"),
        ([], False, b""),
        ([[5, 7], [], [2, 8, 10]], False, [b"unable", b"", b"cafes"]),
        (np.array([[2, 11, 3], [2, 9, 3]]), False, [b"x", b"!"]),
    ],
)
def test_detokenize_joins_pieces_to_words(tokenizer, ids, keep, expected):
    text = tokenizer.detokenize(ids, keep_special_tokens=keep)
    assert np.asarray(text).tolist() == expected


def test_detokenize_undoes_tokenize_on_normalised_words(tokenizer):
    texts = ["unaffable cafes !", "x"]
    assert tokenizer.detokenize(tokenizer.tokenize(texts)).numpy().tolist() == [text.encode() for text in texts]


def test_lookups_and_special_ids(tokenizer):
    assert tokenizer.vocabulary == TOKENS
    assert tokenizer.vocabulary_size == len(TOKENS)
    assert tokenizer.id_to_token(8) == "cafe"
    assert tokenizer.token_to_id("##able") == 7
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 4)
    assert tokenizer.special_ids == (0, 1, 2, 3, 4)
    assert [token for token, inside in zip(TOKENS, tokenizer.is_continuation, strict=True) if inside] == [
        "##aff",
        "##able",
        "##s",
    ]


def test_a_vocabulary_without_mask_has_no_mask_id():
    tokenizer = BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "x"])
    assert tokenizer.mask_id is None
    assert tokenizer.special_ids == (0, 1, 2, 3)


def test_further_special_tokens_are_kept_whole_and_the_longest_wins():
    tokenizer = BertTokenizer([*TOKENS, "<E>", "<E>2"], special_tokens=["<E>", "<E>2"])
    assert tokenizer.tokenize("x<E>x<E>2<e>").numpy().tolist() == [11, 13, 11, 14, 1, 1, 1]
    assert tokenizer.special_ids == (0, 1, 2, 3, 4, 13, 14)


def test_a_copy_from_config_pickle_or_keras_gives_equal_ids():
    tokenizer = BertTokenizer(
        [*TOKENS, "<E>", "new", "中x"],
        lowercase=False,
        strip_accents=True,
        special_tokens=["<E>"],
        max_characters_per_word=5,
        rules="huggingface",
        split_on_cjk=False,
        added_tokens=["new"],
    )
    text = "x <E> Café xxxxxx [MASK] xnewx 中x Σ"
    copies = [
        BertTokenizer.from_config(tokenizer.get_config()),
        pickle.loads(pickle.dumps(tokenizer)),
        copy.deepcopy(tokenizer),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tokenizer)),
    ]
    assert [other.get_config() for other in copies] == [tokenizer.get_config()] * 4
    expected = tokenizer.tokenize(text).numpy().tolist()
    assert [other.tokenize(text).numpy().tolist() for other in copies] == [expected] * 4


def test_a_tokenizer_made_inside_a_graph_works_outside_of_it():
    made = []

    @tf.function
    def trace(text):
        made.append(BertTokenizer(TOKENS))
        return made[0].tokenize(text)

    trace(tf.constant(["x"]))
    assert made[0].tokenize("x!").numpy().tolist() == [11, 9]


def test_it_runs_in_a_dataset_and_in_a_saved_model(tokenizer, tmp_path):
    texts = ["unaffable [MASK]", "ΟΔΟΣ", "x" * 300]
    expected = tokenizer.tokenize(texts).to_list()
    mapped = tf.data.Dataset.from_tensor_slices(texts).map(tokenizer.tokenize)
    assert [ids.tolist() for ids in mapped.as_numpy_iterator()] == expected

    module = tf.Module()
    module.run = tf.function(tokenizer.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, tmp_path / "saved")
    assert tf.saved_model.load(tmp_path / "saved").run(tf.constant(texts)).to_list() == expected


@pytest.mark.parametrize("value", [3, [1, 2], np.zeros(2), tf.constant([1.5])])
def test_values_that_are_no_strings_are_refused(tokenizer, value):
    with pytest.raises(ValueError, match="takes strings"):
        tokenizer.tokenize(value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary": TOKENS, "max_characters_per_word": 0}, "must be positive"),
        ({"vocabulary": TOKENS, "special_tokens": "[NEW]"}, "sequence of tokens"),
        ({"vocabulary": TOKENS, "special_tokens": ["[NEW]"]}, r"lacks \[NEW\]"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BertTokenizer(**arguments)


def test_lookups_name_what_is_not_there(tokenizer):
    with pytest.raises(ValueError, match="no 'zebra'"):
        tokenizer.token_to_id("zebra")
    with pytest.raises(ValueError, match=r"from 0 to 12. Received: 13"):
        tokenizer.id_to_token(13)
    with pytest.raises(ValueError, match=r"from 0 to 12. Received: -1"):
        tokenizer.id_to_token(-1)
    with pytest.raises(ValueError, match="Received: 'word'"):
        tokenizer.tokenize_with_offsets("x", unit="word")
    with pytest.raises(ValueError, match="must be integers"):
        tokenizer.detokenize(tf.constant([1.0]))
