"""pack_segments against Python lists, for every truncation, batched and single."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.text import pack_segments

CLS, SEP, PAD = 101, 102, 9
IDS = {"cls_id": CLS, "sep_id": SEP, "pad_id": PAD}


def cut_token_by_token(first, second, room, truncation):
    """One id after the other from the end of a segment, until all fit."""
    first, second = list(first), list(second)
    # Of two equally long segments the first loses an odd id, as in Hugging Face's fast tokenizers.
    first_is_longer = len(first) > len(second)
    while len(first) + len(second) > room:
        if truncation == "only_first":
            (first or second).pop()
        elif truncation == "only_second":
            (second or first).pop()
        elif len(first) != len(second):
            max(first, second, key=len).pop()
        else:
            (second if first_is_longer else first).pop()
    return first, second


def packed(first, second, size, truncation):
    if second is None:
        tokens, segments = [CLS, *first[: size - 2], SEP], [0] * (min(len(first), size - 2) + 2)
    else:
        first, second = cut_token_by_token(first, second, size - 3, truncation)
        tokens = [CLS, *first, SEP, *second, SEP]
        segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    return tokens, segments


def padded(rows, value, size):
    return [row + [value] * (size - len(row)) for row in rows]


FIRST = [list(range(1000, 1000 + count)) for count in range(12)]
SECOND = [list(range(2000, 2000 + count)) for count in range(12)]
PAIRS = list(itertools.product(FIRST, SECOND))


@pytest.mark.parametrize("truncation", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("size", [5, 8, 9, 40])
@pytest.mark.parametrize("padding", ["longest", "max"])
def test_pairs_are_framed_cut_and_padded(truncation, size, padding):
    first, second = (tf.ragged.constant(rows, dtype=tf.int32) for rows in zip(*PAIRS, strict=True))
    features = pack_segments(first, second, **IDS, sequence_length=size, padding=padding, truncation=truncation)
    rows = [packed(*pair, size, truncation) for pair in PAIRS]
    width = size if padding == "max" else max(len(tokens) for tokens, _ in rows)
    assert features["token_ids"].numpy().tolist() == padded([tokens for tokens, _ in rows], PAD, width)
    assert features["segment_ids"].numpy().tolist() == padded([segments for _, segments in rows], 0, width)
    assert features["padding_mask"].numpy().tolist() == padded([[1] * len(tokens) for tokens, _ in rows], 0, width)
    assert {feature.dtype for feature in features.values()} == {tf.int32}


@pytest.mark.parametrize("size", [3, 6, 40])
def test_single_segments_are_framed_cut_and_padded(size):
    features = pack_segments(tf.ragged.constant(FIRST, dtype=tf.int64), **IDS, sequence_length=size)
    rows = [packed(row, None, size, None)[0] for row in FIRST]
    width = max(map(len, rows))
    assert features["token_ids"].numpy().tolist() == padded(rows, PAD, width)
    assert not features["segment_ids"].numpy().any()


@pytest.mark.parametrize("pair", [([5], [6, 7]), ([], []), ([5] * 20, [6] * 20)])
def test_one_example_packs_as_in_a_batch_of_one(pair):
    alone = pack_segments(*(tf.constant(ids, tf.int32) for ids in pair), **IDS, sequence_length=9)
    batch = pack_segments(*(tf.ragged.constant([ids], tf.int32) for ids in pair), **IDS, sequence_length=9)
    assert {name: value.numpy().tolist() for name, value in alone.items()} == {
        name: value[0].numpy().tolist() for name, value in batch.items()
    }


@pytest.mark.parametrize(("multiple", "size", "expected"), [(8, 64, 8), (4, 64, 8), (5, 64, 10), (8, 7, 7), (1, 64, 7)])
def test_the_longest_row_is_rounded_up_to_a_multiple_within_the_limit(multiple, size, expected):
    ids = tf.ragged.constant([[5] * 5, [6]])
    features = pack_segments(ids, **IDS, sequence_length=size, pad_to_multiple_of=multiple)
    assert features["token_ids"].shape == (2, expected)


def test_an_empty_batch_stays_empty():
    empty = tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int32), [0])
    assert pack_segments(empty, empty, **IDS)["token_ids"].shape[0] == 0


def test_a_graph_keeps_the_static_length_of_max_padding():
    pack = tf.function(lambda ids: pack_segments(ids, **IDS, sequence_length=6, padding="max"))
    spec = tf.RaggedTensorSpec([None, None], tf.int32)
    outputs = pack.get_concrete_function(spec).structured_outputs
    assert [value.shape.as_list() for value in outputs.values()] == [[None, 6]] * 3
    np.testing.assert_array_equal(pack(tf.ragged.constant([[1, 2]]))["token_ids"], [[CLS, 1, 2, SEP, PAD, PAD]])


def test_lengths_and_segments_equal_those_of_hugging_face(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="Hugging Face's tokenizers are not installed")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    theirs = tokenizers.BertWordPieceTokenizer(str(tmp_path / "vocab.txt"))
    sizes = [(n, m) for n, m in itertools.product(range(10), repeat=2)]
    first = tf.ragged.constant([[5] * n for n, _ in sizes], dtype=tf.int32)
    second = tf.ragged.constant([[6] * m for _, m in sizes], dtype=tf.int32)
    for size in (7, 8, 9):
        theirs.enable_truncation(size, strategy="longest_first")
        ours = pack_segments(first, second, cls_id=2, sep_id=3, pad_id=0, sequence_length=size)
        expected = [theirs.encode(" ".join("a" * n), " ".join("b" * m)) for n, m in sizes]
        tokens = tf.RaggedTensor.from_tensor(ours["token_ids"], padding=0).to_list()
        assert tokens == [encoding.ids for encoding in expected]
        segments = tf.ragged.boolean_mask(ours["segment_ids"], ours["padding_mask"] == 1).to_list()
        assert segments == [encoding.type_ids for encoding in expected]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": ["a"]}, "integer token ids.*Strings go through"),
        ({"first": [1.5]}, "integer token ids"),
        ({"first": 3}, "integer token ids"),
        ({"first": [[[1]]]}, "integer token ids"),
        ({"first": [1], "sequence_length": 2}, "at least 3"),
        ({"first": [1], "second": [1], "sequence_length": 4}, "at least 5"),
        ({"first": [1], "padding": "left"}, "'longest', 'max'"),
        ({"first": [1], "truncation": "first"}, "'longest_first', 'only_first', 'only_second'"),
        ({"first": [1], "padding": "max", "pad_to_multiple_of": 8}, "goes with padding='longest'"),
        ({"first": [1], "pad_to_multiple_of": 0}, "positive integer"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pack_segments(**arguments, **IDS)
