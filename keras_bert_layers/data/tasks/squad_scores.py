"""Exact match and F1 of answers, as SQuAD's scripts compute them."""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from keras_bert_layers.data.tasks.squad import Questions

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad_scores(
    expected: Questions | Mapping[str, Sequence[str]],
    predicted: Mapping[str, str],
    null_scores: Mapping[str, float] | None = None,
    null_threshold: float | None = None,
    version_2: bool | None = None,
) -> dict[str, float]:
    """The share of answers that match exactly, and the mean F1 = 2·P·R / (P + R) of their words, in percent.

    Answers are compared in lowercase, without ASCII punctuation, without the articles a, an and the, and with single
    spaces. P is the share of the predicted words that are in the right answer, R the share of the right answer's words
    that are predicted; where several answers are right, the one that gives most counts.

    `version_2=False` is the definition of `evaluate-v1.1.py`, True that of `evaluate-v2.0.py`: where a question has no
    answer, the empty string is right, and an answer without a word counts as no answer. With `null_scores`, a question
    whose score is above the threshold counts as answered by "". Two things differ from that script, where it would
    state a threshold that does not give the score beside it: equal scores stand on the same side of the threshold, and
    if never answering is best, the threshold is below all scores instead of 0.

    Args:
        expected: from `read_squad`, or the right answers by the question's id; none, where it has no answer.
        predicted: an answer for each of these ids; others are ignored. With `null_scores`, the best answer that is not
            empty.
        null_scores: how much speaks for "no answer", by id; any scale. Defaults to `None`.
        null_threshold: float. Defaults to `None`: the one with the best F1.
        version_2: bool. Defaults to `None`: whether there is a question without an answer.

    Returns:
        `exact_match`, `f1` and `total`, the number of questions. By version 2 also all three with the prefixes
        `has_answer_` and `no_answer_`, where there are such questions. With `null_scores` also `best_exact_match`,
        `best_exact_match_threshold`, `best_f1`, `best_f1_threshold` and `null_threshold`, the one that was applied.

    Raises:
        ValueError: if a prediction or a score is missing, there is no question, or version 1.1 has one without answer.

    Example:
        >>> squad_scores({"1": ["the black cat"], "2": ["1990"]}, {"1": "A black dog", "2": "1990."})
        {'exact_match': 50.0, 'f1': 75.0, 'total': 2}
        >>> squad_scores({"1": [], "2": ["1990"]}, {"1": "A dog", "2": "1990"}, {"1": 3.0, "2": -1.0})["best_f1"]
        100.0

    Reference:
        Rajpurkar et al. 2016 (arXiv:1606.05250), section 6.1, and 2018 (arXiv:1806.03822), section 5.
    """
    if isinstance(expected, Questions):
        expected = dict(zip(expected.ids, expected.answers, strict=True))
    has_answer = np.array([len(texts) > 0 for texts in expected.values()])
    version_2 = not has_answer.all() if version_2 is None else version_2
    _check(expected, predicted, null_scores, null_threshold, version_2)
    score = _scores_2 if version_2 else _scores_1
    exact, f1 = np.array([score(texts, predicted[name]) for name, texts in expected.items()]).T
    thresholds = {}
    if null_scores is not None:
        nulls = np.array([null_scores[name] for name in expected])
        says = np.array([bool(predicted[name]) for name in expected])
        for name, values in (("best_exact_match", exact), ("best_f1", f1)):
            best, threshold = _best_threshold(values, nulls, has_answer, says)
            thresholds |= {name: best, f"{name}_threshold": threshold}
        applied = thresholds["best_f1_threshold"] if null_threshold is None else null_threshold
        thresholds["null_threshold"] = float(applied)
        exact, f1 = (np.where(nulls > applied, ~has_answer, values) for values in (exact, f1))
    result = _means(exact, f1, np.ones_like(has_answer), "")
    if version_2:
        result |= _means(exact, f1, has_answer, "has_answer_") | _means(exact, f1, ~has_answer, "no_answer_")
    return result | thresholds


def normalized_answer(text: str) -> str:
    """Lowercase, without ASCII punctuation and the articles a, an and the, with single spaces.

    Example:
        >>> normalized_answer("The  cat's  hat!")
        'cats hat'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _scores_1(texts, predicted):
    given = normalized_answer(predicted)
    right = [normalized_answer(text) for text in texts]
    return max(given == text for text in right), max(_overlap(given.split(), text.split()) for text in right)


def _scores_2(texts, predicted):
    given = normalized_answer(predicted)
    right = [text for text in map(normalized_answer, texts) if text] or [""]
    exact = max(given == text for text in right)
    f1 = max(_overlap(given.split(), text.split()) if given and text else float(given == text) for text in right)
    return exact, f1


def _overlap(given, right):
    common = sum((Counter(given) & Counter(right)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(right)
    return 2 * precision * recall / (precision + recall)


def _best_threshold(scores, nulls, has_answer, says):
    """The best mean over all thresholds, in percent, and the lowest threshold that gives it."""
    order = np.argsort(nulls, kind="stable")
    gains = np.where(has_answer, scores, -says.astype(float))[order]
    sums = np.sum(~has_answer) + np.cumsum(gains)
    # A threshold between two equal scores would be none.
    sums[:-1][nulls[order][1:] == nulls[order][:-1]] = -np.inf
    best = int(np.argmax(sums))
    if sums[best] <= np.sum(~has_answer):
        return 100 * float(np.mean(~has_answer)), float(nulls.min() - 1)
    return 100 * float(sums[best]) / len(scores), float(nulls[order][best])


def _means(exact, f1, chosen, prefix):
    if not chosen.any():
        return {}
    means = {name: 100 * float(np.mean(values[chosen])) for name, values in (("exact_match", exact), ("f1", f1))}
    return {prefix + name: value for name, value in {**means, "total": int(chosen.sum())}.items()}


def _check(expected, predicted, null_scores, null_threshold, version_2):
    if not expected:
        raise ValueError("There is no question to score. `expected` holds the right answers of each question.")
    for name, given in (("predicted", predicted), ("null_scores", null_scores)):
        missing = [] if given is None else [question for question in expected if question not in given]
        if missing:
            raise ValueError(
                f"`{name}` must have every question of `expected`. {len(missing)} are missing, such as {missing[:3]}. "
                'An answer that is not known is "".'
            )
    if null_threshold is not None and null_scores is None:
        raise ValueError("`null_threshold` is applied to `null_scores`. Pass these too, or leave the threshold out.")
    without = [name for name, texts in expected.items() if not texts]
    if without and not version_2:
        raise ValueError(
            f"Version 1.1 has an answer to every question, but {len(without)} have none, such as {without[:3]}. "
            "Score them with version_2=True."
        )
