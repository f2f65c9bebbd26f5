"""An example comes back from its bytes as it was, and fields that do not fit together are refused."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert_layers.data.records.schema import FIELDS, check_consistent, encode_example, fields_of, parse_examples


def test_every_field_comes_back():
    rng = np.random.default_rng(0)
    examples = [
        {name: rng.integers(0, 119547, size=rng.integers(0, 300)).tolist() for name in FIELDS} for _ in range(20)
    ]
    parsed = parse_examples(tf.constant([encode_example(example) for example in examples]), tuple(FIELDS))
    assert {name: rows.to_list() for name, rows in parsed.items()} == {
        name: [example[name] for example in examples] for name in FIELDS
    }


def test_a_field_that_an_example_lacks_is_empty():
    serialized = tf.constant([encode_example({"token_ids": [7]}), encode_example({"labels": [1]})])
    assert parse_examples(serialized, ("labels",))["labels"].to_list() == [[], [1]]


def test_other_tools_read_it_as_a_plain_example():
    example = tf.train.Example.FromString(encode_example({"token_ids": [7, 8], "segment_lengths": [2]}))
    assert list(example.features.feature["token_ids"].int64_list.value) == [7, 8]


def test_the_order_in_which_fields_are_given_does_not_matter():
    fields = {"token_ids": [1, 2], "segment_lengths": [2], "labels": [0]}
    assert encode_example(fields) == encode_example(dict(reversed(fields.items())))


def test_a_token_takes_about_two_bytes():
    ids = np.random.default_rng(0).zipf(1.2, size=2000)
    ids = ids[ids < 30522][:500]
    assert len(encode_example({"token_ids": ids.tolist(), "segment_lengths": [len(ids)]})) < 2.2 * len(ids)


def test_a_field_of_another_name_is_refused():
    with pytest.raises(ValueError, match=r"has the fields token_ids, .*Received: tokens\."):
        encode_example({"tokens": [1]})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("none", False, False), "token_ids segment_lengths"),
        (("next_sentence", False, False), "token_ids segment_lengths labels"),
        (("sentence_order", True, False), "token_ids segment_lengths labels continues"),
        (("none", False, True), "token_ids segment_lengths mask_positions mask_ids"),
    ],
)
def test_the_fields_follow_from_what_is_stored(arguments, expected):
    assert fields_of(*arguments) == tuple(expected.split())


def columns(**fields):
    return {
        name: (np.concatenate([*map(np.array, rows)]), np.cumsum([0, *map(len, rows)])) for name, rows in fields.items()
    }


GOOD = {
    "token_ids": [[5, 6, 7], [8, 9]],
    "segment_lengths": [[2, 1], [1, 1]],
    "labels": [[0], [1]],
    "continues": [[0, 1, 0], [0, 0]],
    "mask_positions": [[1], [0]],
    "mask_ids": [[7], [8]],
}


def test_fields_that_fit_are_accepted():
    check_consistent(columns(**GOOD), segments_per_sequence=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment_lengths": [[2, 2], [1, 1]]}, "do not add up"),
        ({"segment_lengths": [[3], [1, 1]]}, "not 2 segment_lengths for each sequence"),
        ({"labels": [[0, 1], [1]]}, "not one label for each sequence"),
        ({"continues": [[0, 1], [0, 0]]}, "continues and token_ids differ"),
        ({"mask_ids": [[7], [8, 9]]}, "mask_positions and mask_ids differ"),
    ],
)
def test_fields_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_consistent(columns(**{**GOOD, **change}), segments_per_sequence=2)
