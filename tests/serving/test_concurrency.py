"""Many callers at the same time: no error, no answer of another, and memory that stays where it is."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from c_loader import Call, call_at_once
from served_models import plain_texts

# KBL_CONCURRENCY_SECONDS=600 is the long form, for which a machine should be quiet.
SECONDS = int(os.environ.get("KBL_CONCURRENCY_SECONDS", "5"))
SHORT = [text for text in plain_texts(60) if len(text) < 1000]


def calls_of(model):
    sizes = (1, 2, 5, 16)
    return [Call("text", model.feed(SHORT[size : 2 * size])) for size in sizes]


@pytest.mark.parametrize("task", ["single_label", "entities"])
def test_sixteen_threads_on_one_session_get_the_answers_of_one(task, served, c_caller, capsys):
    model = served(task)
    ids = Call("token_ids", model.features(SHORT[:4]))
    rows = call_at_once(c_caller, model.path, [*calls_of(model), ids], threads=16, seconds=SECONDS)
    assert rows[-1]["answered"] > 100
    assert [(row["failed"], row["different"]) for row in rows] == [(0, 0)] * len(rows)
    resident = {row["second"]: row["resident_kib"] for row in rows}
    if SECONDS > 60:
        growth = resident[max(resident)] / resident[60] - 1
        with capsys.disabled():
            print(f"\n{task}: {rows[-1]['answered'] / SECONDS:,.0f} calls a second; resident memory, KiB: {resident}")
        assert growth < 0.02, f"memory grew by {growth:.1%} after the first minute"


def test_python_threads_on_one_signature_get_the_answers_of_one(served):
    model = served("single_label")
    loaded = tf.saved_model.load(model.path)

    def ask(texts):
        return loaded.signatures["text"](text=tf.constant(texts))["probabilities"].numpy()

    batches = [SHORT[begin : begin + size] for begin in range(8) for size in (1, 3, 8)]
    expected = [ask(batch) for batch in batches]
    with ThreadPoolExecutor(8) as threads:
        for answer, alone in zip(threads.map(ask, batches * 4), expected * 4, strict=True):
            np.testing.assert_allclose(answer, alone, atol=1e-5)
