"""Without Python, with the loader and the runtime of a model server: the answers are those of the model."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from c_loader import Call, call
from served_models import LABELS, TASKS, plain_texts

TEXTS = plain_texts(200)
# An export of each takes seconds; these two differ from the first in the last step alone.
PARAMETERS = [
    pytest.param(task, marks=[pytest.mark.long] if task in ("multi_label", "regression") else []) for task in TASKS
]
BATCH_SIZES = (1, 2, 3, 8, 16, 32, 64, 64, 10)
INVALID_ARGUMENT = 3


def batches():
    ends = itertools.accumulate(BATCH_SIZES)
    return [TEXTS[end - size : end] for size, end in zip(BATCH_SIZES, ends, strict=True)]


def assert_close(answer, expected):
    assert (answer.code, answer.message) == (0, "")
    assert set(answer.outputs) == set(expected)
    for name, value in expected.items():
        value = np.asarray(value)
        assert (answer.outputs[name].shape, answer.outputs[name].dtype) == (value.shape, value.dtype), name
        if value.dtype.kind == "f":
            np.testing.assert_allclose(answer.outputs[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(answer.outputs[name], value, err_msg=name)


def reloaded(path, signature, inputs):
    function = tf.saved_model.load(path).signatures[signature]
    return [function(**{name: tf.constant(value) for name, value in each.items()}) for each in inputs]


@pytest.fixture(scope="module")
def answered(served, c_caller):
    """`answered(task)`: all batches at the text endpoint and at that of token ids, answered by one process."""

    @functools.cache
    def answers(task):
        model = served(task)
        calls = [Call("text", model.feed(batch)) for batch in batches()]
        calls += [Call("token_ids", model.features(batch)) for batch in batches()]
        return calls, call(c_caller, model.path, calls)

    return answers


@pytest.mark.parametrize("task", PARAMETERS)
def test_texts_are_answered_as_in_python(task, served, answered):
    calls, answers = answered(task)
    inputs = [each.inputs for each in calls if each.signature == "text"]
    expected = reloaded(served(task).path, "text", inputs)
    for answer, outputs in zip(answers, expected, strict=False):
        assert_close(answer, outputs)


@pytest.mark.parametrize("task", PARAMETERS)
def test_token_ids_give_what_the_live_model_gives(task, served, answered):
    model = served(task).model
    for each, answer in zip(*answered(task), strict=True):
        if each.signature == "token_ids":
            outputs = model(each.inputs, training=False)
            name = "vectors" if task == "embedding" else "logits"
            assert_close(answer, outputs if isinstance(outputs, dict) else {name: outputs})


@pytest.mark.parametrize("task", ["single_label", "pairs"])
def test_labels_and_scores_are_those_of_the_live_model(task, served, answered):
    model = served(task)
    for batch, answer in zip(batches(), answered(task)[1], strict=False):
        probabilities = tf.nn.softmax(model.model(model.features(batch), training=False)).numpy()
        label = np.array([LABELS[index].encode() for index in probabilities.argmax(axis=-1)], object)
        assert_close(answer, {"probabilities": probabilities, "label": label, "score": probabilities.max(axis=-1)})


def test_the_default_signature_and_examples_answer_like_text(served, c_caller):
    model = served("single_label")
    texts = TEXTS[:8]
    bytes_lists = [tf.train.Feature(bytes_list=tf.train.BytesList(value=[each])) for each in texts]
    examples = [
        tf.train.Example(features=tf.train.Features(feature={"text": each})).SerializeToString() for each in bytes_lists
    ]
    default, from_examples, from_text = call(
        c_caller,
        model.path,
        [
            Call("serving_default", model.feed(texts)),
            Call("examples", {"examples": np.array(examples, object)}),
            Call("text", model.feed(texts)),
        ],
    )
    assert_close(default, from_text.outputs)
    assert_close(from_examples, from_text.outputs)


def test_an_empty_batch_gives_an_empty_answer(served, c_caller):
    (answer,) = call(c_caller, served("single_label").path, [Call("text", {"text": np.array([], object)})])
    assert answer.code == 0
    assert answer.outputs["probabilities"].shape == (0, len(LABELS))


IDS = np.array([[2, 5, 3]], "int32")
GOOD_IDS = {"token_ids": IDS, "segment_ids": np.zeros_like(IDS), "padding_mask": np.ones_like(IDS)}
WRONG_CALLS = {
    "unknown signature": (Call("classify", {"text": np.array([b"good"], object)}), "classify"),
    "unknown input": (Call("text", {"texts": np.array([b"good"], object)}), "texts"),
    # The runtime itself compares types, and tells them; only Python and servers know the name.
    "numbers for strings": (Call("text", {"text": np.array([1], "int32")}), "to be string but int32"),
    "a scalar": (Call("text", {"text": np.array(b"good", object)}), "text"),
    "a matrix of strings": (Call("text", {"text": np.array([[b"good"]], object)}), "text"),
    "int64 for int32": (Call("token_ids", {**GOOD_IDS, "token_ids": IDS.astype("int64")}), "to be int32 but int64"),
    "a row of ids": (Call("token_ids", {**GOOD_IDS, "token_ids": IDS[0]}), "token_ids"),
    "an id beyond the vocabulary": (Call("token_ids", {**GOOD_IDS, "token_ids": IDS + 10_000}), "token_ids"),
    "a negative id": (Call("token_ids", {**GOOD_IDS, "token_ids": -IDS}), "token_ids"),
    "a segment beyond the table": (Call("token_ids", {**GOOD_IDS, "segment_ids": IDS}), "segment_ids"),
    "a mask of another length": (Call("token_ids", {**GOOD_IDS, "padding_mask": IDS[:, :2]}), "padding_mask"),
}


def test_wrong_calls_are_invalid_arguments_that_say_which_and_the_process_lives_on(served, c_caller):
    good = Call("token_ids", GOOD_IDS)
    calls = [each for wrong, _ in WRONG_CALLS.values() for each in (wrong, good)]
    answers = call(c_caller, served("single_label").path, calls)
    for (kind, (_, words)), refused, after in zip(WRONG_CALLS.items(), answers[::2], answers[1::2], strict=True):
        assert refused.code == INVALID_ARGUMENT, kind
        assert words in refused.message, kind
        assert_close(after, answers[1].outputs)


def test_a_text_without_a_mask_is_refused_and_the_process_lives_on(served, c_caller):
    texts = [np.array([each], object) for each in (b"no mask", b"[MASK] film")]
    refused, answered = call(c_caller, served("masked_words").path, [Call("text", {"text": each}) for each in texts])
    assert refused.code == INVALID_ARGUMENT
    assert "[MASK]" in refused.message
    assert answered.code == 0
