"""Whatever bytes come, a server lives on, and everyone gets the answer to their own text."""

import numpy as np
import pytest
import tensorflow as tf
from benchmarks import serve_hostile
from benchmarks.hostile_bytes import BROKEN, hostile_bytes, megabytes
from c_loader import Call, call

TEXTS = hostile_bytes(3000)
PREFIX = {"masked_words": b"[MASK] "}


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_the_strings_are_broken_and_whole_in_good_measure():
    assert not any(is_utf8(piece) for pieces in BROKEN.values() for piece in pieces)
    assert 0.2 < np.mean([is_utf8(text) for text in TEXTS]) < 0.8
    assert np.mean([b"\0" in text for text in TEXTS]) > 0.05
    assert {len(text) for text in megabytes().values()} == {1_000_000}


@pytest.mark.parametrize(
    ("task", "count"), [("single_label", 3000), ("entities", 600), ("questions", 600), ("masked_words", 600)]
)
def test_the_answer_to_a_string_does_not_depend_on_its_batch(task, count, served):
    ask = serve_hostile.text_endpoint(served(task).path, PREFIX.get(task, b""))
    texts = TEXTS[:count]
    answers = serve_hostile.answers_of(ask, texts, 64, range(count))
    shuffled = serve_hostile.answers_of(ask, texts, 21, np.random.default_rng(0).permutation(count))
    differing = [text for text, *pair in zip(texts, answers, shuffled, strict=True) if not serve_hostile.same(*pair)]
    assert differing == []


def test_a_broken_string_answers_like_the_one_in_which_what_is_broken_is_replaced(served):
    model = served("single_label")
    ask = serve_hostile.text_endpoint(model.path)
    replaced = [text.decode(errors="replace").encode() for text in TEXTS[:500]]
    # Tokenizers drop replacement characters, so it does not matter how many of them one puts in a row.
    served_probabilities = ask(TEXTS[:500])["probabilities"]
    live = tf.nn.softmax(model.model(model.features(replaced), training=False))
    np.testing.assert_allclose(served_probabilities, live, atol=1e-5)


def test_the_script_reports_that_all_is_well(served, capsys):
    assert serve_hostile.main([str(served("single_label").path), "--count", "100"]) == 0
    printed = capsys.readouterr().out
    assert "100 strings answered" in printed
    assert "0 answered otherwise" in printed
    assert printed.count("a megabyte of") == len(megabytes())


def test_answers_that_depend_on_the_batch_or_are_lost_are_found(capsys, monkeypatch):
    def leaking(texts):
        return {"score": np.array([len(texts[0]) + len(text) for text in texts], "float32")}

    monkeypatch.setattr(serve_hostile, "text_endpoint", lambda path, prefix: leaking)
    assert serve_hostile.main(["any", "--count", "100"]) == 1
    with pytest.raises(ValueError, match="3 texts must have as many answers"):
        serve_hostile.answers_of(lambda texts: {"score": np.zeros(2)}, [b"a"] * 3, 3, range(3))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (np.float32([1, 2]), np.float32([1, 2.000001]), True),
        (np.float32([1, 2]), np.float32([1, 2.001]), False),
        (np.float32([1, np.nan]), np.float32([1, np.nan]), False),
        (np.array([b"a"], object), np.array([b"b"], object), False),
        (np.float32([1, 2]), np.float32([1]), False),
    ],
)
def test_answers_are_the_same_up_to_rounding(one, other, is_same):
    assert serve_hostile.same({"value": one}, {"value": other}) == is_same


# In a process of its own, in which a crash is a failed test and a hang comes to an end.
@pytest.mark.parametrize("task", ["single_label", "entities", "questions"])
def test_strings_of_a_megabyte_are_answered_in_time(task, served, c_caller):
    names = served(task).inputs
    calls = [Call("text", dict.fromkeys(names, np.array([text], object))) for text in megabytes().values()]
    answers = call(c_caller, served(task).path, calls, timeout=100)
    assert [(answer.code, answer.message) for answer in answers] == [(0, "")] * len(calls)
