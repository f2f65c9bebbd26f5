"""Without Python, with the loader and the runtime of a model server: the answers are those of the model."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from c_loader import Call, call
from served_models import LABELS, TASKS, WITHOUT_TEXT, plain_texts

TEXTS = plain_texts(200)
# An export of each takes seconds; these differ little from the first.
LIKE_THE_FIRST = {"pairs", "multi_label", "regression"}
PARAMETERS = [pytest.param(task, marks=[pytest.mark.long] if task in LIKE_THE_FIRST else []) for task in TASKS]
BATCH_SIZES = (1, 2, 3, 8, 16, 32, 64, 64, 10)


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
        calls = [Call("text", model.feed(batch)) for batch in batches() if task in TASKS]
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


@pytest.mark.parametrize("task", [*PARAMETERS, *WITHOUT_TEXT])
def test_token_ids_give_what_the_live_model_gives(task, served, answered):
    model = served(task).model
    for each, answer in zip(*answered(task), strict=True):
        if each.signature == "token_ids":
            outputs = model(each.inputs, training=False)
            name = "vectors" if task == "embedding" else "logits"
            assert_close(answer, outputs if isinstance(outputs, dict) else {name: outputs})


@pytest.mark.parametrize("task", ["single_label", pytest.param("pairs", marks=pytest.mark.long)])
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
