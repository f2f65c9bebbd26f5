"""Scores of the classification script against scikit-learn and SciPy."""

import numpy as np
import pytest
import scores


def random_labels(seed, classes=5, used=5, size=80):
    rng = np.random.default_rng(seed)
    expected = rng.integers(0, used, size)
    return expected, np.where(rng.random(size) < 0.6, expected, rng.integers(0, classes, size))


@pytest.mark.parametrize(("seed", "used"), [(0, 5), (1, 3), (2, 1)])
def test_single_label_scores_are_those_of_scikit_learn(seed, used):
    metrics = pytest.importorskip("sklearn.metrics")
    expected, predicted = random_labels(seed, used=used)
    found = scores.single_label_scores(expected, predicted, 7)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(expected, predicted))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(expected, predicted, average="macro"))
    assert found["matthews"] == pytest.approx(metrics.matthews_corrcoef(expected, predicted))
    np.testing.assert_array_equal(
        scores.confusion(expected, predicted, 5), metrics.confusion_matrix(expected, predicted, labels=range(5))
    )


def test_matthews_is_0_where_one_label_is_all_there_is():
    same = np.zeros(4, int)
    assert scores.single_label_scores(same, np.arange(4), 4)["matthews"] == 0
    assert scores.single_label_scores(same, same, 4) == {"accuracy": 1, "macro_f1": 1, "matthews": 0}


def test_multi_label_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    expected, predicted = rng.random((40, 6)) < 0.3, rng.random((40, 6)) < 0.4
    found = scores.multi_label_scores(expected, predicted)
    assert found["micro_f1"] == pytest.approx(metrics.f1_score(expected, predicted, average="micro"))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(expected, predicted, average="macro"))
    assert found["exact_match"] == pytest.approx(metrics.accuracy_score(expected, predicted))


def test_correlations_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    expected = rng.integers(0, 6, 50) / 2
    predicted = expected + rng.normal(size=50)
    found = scores.regression_scores(expected, predicted)
    assert found["pearson"] == pytest.approx(stats.pearsonr(expected, predicted).statistic)
    assert found["spearman"] == pytest.approx(stats.spearmanr(expected, predicted).statistic)
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((expected - predicted) ** 2)))


def test_a_constant_prediction_ranks_nothing():
    found = scores.regression_scores(np.arange(4.0), np.ones(4))
    assert (found["pearson"], found["spearman"]) == (0, 0)
