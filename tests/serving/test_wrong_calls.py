"""Calls that a client got wrong: an error that says which input, with and without Python; and the next call works."""

import numpy as np
import pytest
import tensorflow as tf
from c_loader import Call, call

INVALID_ARGUMENT = 3
TEXT = np.array([b"good"], object)
IDS = np.array([[2, 5, 3]], "int32")
GOOD = Call("token_ids", {"token_ids": IDS, "segment_ids": np.zeros_like(IDS), "padding_mask": np.ones_like(IDS)})


def ids(**changes):
    return Call("token_ids", {**GOOD.inputs, **changes})


# By what is wrong: the call, and what the message says.
WRONG_CALLS = {
    "a matrix of strings": (Call("text", {"text": TEXT[:, np.newaxis]}), "input_text"),
    "a scalar": (Call("text", {"text": np.array(b"good", object)}), "input_text"),
    "a row of ids": (ids(token_ids=IDS[0]), "input_token_ids"),
    "an id beyond the vocabulary": (ids(token_ids=IDS + 10_000), "`token_ids` must be from 0 to less than"),
    "a negative id": (ids(token_ids=-IDS), "`token_ids` must be from 0"),
    "a segment beyond the table": (ids(segment_ids=IDS), "`segment_ids` must be from 0"),
    "a mask of another number": (ids(padding_mask=IDS), "`padding_mask` must be from 0"),
    "a mask of another length": (ids(padding_mask=IDS[:, :2]), "`padding_mask` must have the shape of `token_ids`"),
    "more ids than positions": (
        Call("token_ids", {name: np.zeros((1, 33), "int32") for name in GOOD.inputs}),
        "`token_ids` may have 32 columns",
    ),
    "no tf.train.Example": (Call("examples", {"examples": np.array([b"no message"], object)}), "parse example"),
    "an example without text": (Call("examples", {"examples": np.array([b""], object)}), "text"),
}
# What the runtime compares itself, by the names that it has.
WRONG_TYPES = {
    "unknown signature": (Call("classify", {"text": TEXT}), "classify"),
    "unknown input": (Call("text", {"texts": TEXT}), "texts"),
    "numbers for strings": (Call("text", {"text": np.array([1], "int32")}), "string but int32"),
    "int64 for int32": (ids(token_ids=IDS.astype("int64")), "int32 but int64"),
}


def test_without_python_they_are_invalid_arguments_and_the_process_lives_on(served, c_caller):
    wrong_calls = {**WRONG_CALLS, **WRONG_TYPES}
    calls = [each for wrong, _ in wrong_calls.values() for each in (wrong, GOOD)]
    answers = call(c_caller, served("single_label").path, calls)
    for (kind, (_, words)), refused, after in zip(wrong_calls.items(), answers[::2], answers[1::2], strict=True):
        assert refused.code == INVALID_ARGUMENT, kind
        assert words in refused.message, kind
        assert after.code == 0, kind
        np.testing.assert_array_equal(after.outputs["logits"], answers[1].outputs["logits"])


@pytest.fixture(scope="module")
def loaded(served):
    return tf.saved_model.load(served("single_label").path)


def ask(loaded, each):
    return loaded.signatures[each.signature](**{name: tf.constant(value) for name, value in each.inputs.items()})


@pytest.mark.parametrize("kind", WRONG_CALLS)
def test_in_python_they_are_invalid_arguments_and_the_process_lives_on(kind, loaded):
    wrong, words = WRONG_CALLS[kind]
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=words):
        ask(loaded, wrong)
    assert np.isfinite(ask(loaded, GOOD)["logits"]).all()


@pytest.mark.parametrize(("kind", "name"), [("unknown input", "text"), ("numbers for strings", "text")])
def test_in_python_wrong_types_name_the_input(kind, name, loaded):
    with pytest.raises((tf.errors.InvalidArgumentError, TypeError), match=name):
        ask(loaded, WRONG_TYPES[kind][0])


def test_a_text_without_a_mask_is_refused_and_the_process_lives_on(served, c_caller):
    texts = [np.array([each], object) for each in (b"no mask", b"[MASK] film")]
    refused, answered = call(c_caller, served("masked_words").path, [Call("text", {"text": each}) for each in texts])
    assert refused.code == INVALID_ARGUMENT
    assert "[MASK]" in refused.message
    assert answered.code == 0
