"""The guard: what is let through, and what is refused with which figures."""

import math

import pytest

from keras_bert_layers.compress import check_quality


@pytest.mark.parametrize(
    ("before", "after", "max_drop", "arguments"),
    [
        (0.9, 0.89, 0.02, {}),
        (0.9, 0.95, 0.0, {}),
        (0.9, 0.88, 0.02, {}),
        (0.3, 0.31, 0.02, {"higher_is_better": False}),
        (0.3, 0.1, 0.0, {"higher_is_better": False}),
    ],
)
def test_a_small_drop_is_let_through(before, after, max_drop, arguments):
    assert check_quality(before, after, max_drop, **arguments) == {"score": pytest.approx(after - before)}


@pytest.mark.parametrize(
    ("before", "after", "max_drop", "arguments"),
    [
        (0.9, 0.87, 0.02, {}),
        (0.9, math.nan, 0.02, {}),
        (0.3, 0.33, 0.02, {"higher_is_better": False}),
    ],
)
def test_a_large_drop_is_refused_with_its_figures(before, after, max_drop, arguments):
    with pytest.raises(ValueError, match=f"score {before:.4f} -> {after:.4f}") as refusal:
        check_quality(before, after, max_drop, **arguments)
    assert "allowed" in str(refusal.value)


def test_every_score_has_its_own_limit(capsys):
    before, after = {"accuracy": 0.9, "f1": 0.8, "seconds": 3.0}, {"accuracy": 0.85, "f1": 0.7, "seconds": 1.0}
    check_quality(before, after, {"accuracy": 0.06, "f1": 0.11})
    assert capsys.readouterr().out.splitlines() == [
        "accuracy 0.9000 -> 0.8500 (-0.0500, allowed -0.0600)",
        "f1 0.8000 -> 0.7000 (-0.1000, allowed -0.1100)",
    ]
    with pytest.raises(ValueError, match="f1") as refusal:
        check_quality(before, after, {"accuracy": 0.06, "f1": 0.01})
    assert "accuracy" not in str(refusal.value)


def test_scores_without_a_common_name_are_refused():
    with pytest.raises(ValueError, match=r"accuracy.*f1"):
        check_quality({"accuracy": 0.9}, {"f1": 0.9}, 0.1)


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match=r"Received: -0\.1"):
        check_quality(0.9, 0.9, -0.1)
