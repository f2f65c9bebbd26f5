"""The pictures of a classifier's errors: none of the examples gets lost, and every kind of label is drawn."""

import confusion_figure
import numpy as np
import pytest


def test_of_many_labels_the_rare_ones_are_drawn_as_one():
    counts = np.random.default_rng(0).integers(0, 9, (100, 100))
    counts[7] = 1000
    merged, names = confusion_figure._most_frequent(counts, [f"label {number}" for number in range(100)])
    assert merged.shape == (60, 60)
    assert (names[-1], merged.sum()) == ("41 others", counts.sum())
    row = names.index("label 7")
    assert merged[row].sum() == 100_000


@pytest.mark.parametrize("count", [1, 2, 13, 30, 100])
def test_any_number_of_labels_is_drawn(count, tmp_path):
    counts = np.random.default_rng(0).integers(0, 9, (count, count))
    names = [f"$label_{number}$ with a name that is very long indeed, 无" for number in range(count)]
    confusion_figure.draw_confusion(tmp_path / "a.png", counts, names, "some.tsv")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_equal_numbers_are_drawn(tmp_path):
    confusion_figure.draw_scatter(tmp_path / "a.png", np.ones(3), np.ones(3), "score", "some.tsv")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
