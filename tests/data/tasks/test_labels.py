"""Labels as numbers, and the weights of classes."""

import numpy as np
import pytest

from keras_bert_layers.data.tasks import LabelVocabulary, class_weights


@pytest.mark.parametrize(
    ("labels", "separator", "names"),
    [
        (["good", "bad", "good"], None, ("bad", "good")),
        (["10", "9", "1.5"], None, ("1.5", "9", "10")),
        (["10", "9", "x"], None, ("10", "9", "x")),
        (["nan", "1"], None, ("1", "nan")),
        (["b|a", "", "c | b"], "|", ("a", "b", "c")),
        ([["b", "a"], [], ["c"]], None, ("a", "b", "c")),
    ],
)
def test_names_are_the_different_labels_in_order(labels, separator, names):
    assert LabelVocabulary.from_labels(labels, separator).names == names


def test_decoding_gives_back_what_was_encoded():
    labels = [str(number) for number in np.random.default_rng(0).integers(0, 30, 100)]
    vocabulary = LabelVocabulary.from_labels(labels)
    numbers = vocabulary.encode(labels)
    assert numbers.dtype == np.int32
    assert vocabulary.decode(numbers) == labels


def test_sets_have_a_one_for_each_label():
    vocabulary = LabelVocabulary(["a", "b", "c"])
    expected = [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    for labels, separator in ((["c, a", "", "b"], ","), ([["a", "c"], [], ["b"]], ","), (["a|c", " ", "b"], "|")):
        sets = vocabulary.encode_sets(labels, separator)
        assert (sets.dtype, sets.tolist()) == (np.float32, expected)


@pytest.mark.parametrize("encode", ["encode", "encode_sets"])
def test_unknown_labels_are_all_named_with_count_and_first_line(encode):
    with pytest.raises(ValueError, match=r"known ones: a, b. .* 'x' \(2 time.s., first in line 7\), '' \(1 time"):
        getattr(LabelVocabulary(["a", "b"]), encode)(
            [["x"], ["a"], ["x"], [""]] if encode == "encode_sets" else ["x", "a", "x", ""], lines=[7, 8, 9, 11]
        )


def test_of_many_unknown_labels_ten_are_named():
    with pytest.raises(ValueError, match=r"first in line 10\) and 15 more"):
        LabelVocabulary(["a"]).encode([f"x{number}" for number in range(25)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LabelVocabulary([]), "none of them empty"),
        (lambda: LabelVocabulary(["a", " "]), "none of them empty"),
        (lambda: LabelVocabulary(["a", "b", "a"]), "more than once: a"),
        (lambda: LabelVocabulary.from_labels(["a", ""]), "a label for every example"),
        (lambda: LabelVocabulary.from_labels(["", ""], ","), "none of them empty"),
    ],
)
def test_names_that_are_none_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_balanced_weights_are_those_of_scikit_learn():
    reference = pytest.importorskip("sklearn.utils.class_weight")
    numbers = np.random.default_rng(0).choice(4, 50, p=[0.5, 0.3, 0.1, 0.1])
    expected = reference.compute_class_weight("balanced", classes=np.arange(4), y=numbers)
    weights = class_weights(numbers, "abcd")
    np.testing.assert_allclose([weights[number] for number in range(4)], expected)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 0, 2], "There is none of: b, d. Leave"),
        ([0, 4], "must be a vector of numbers of the 4 classes"),
        ([[0, 1]], "must be a vector"),
        ([], "There is none of: a, b, c, d"),
    ],
)
def test_a_class_without_a_weight_is_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        class_weights(np.array(numbers, int), "abcd")
