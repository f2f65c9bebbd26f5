"""Exact match and F1: worked by hand, and against the scripts of others where they are installed."""

import random

import pytest

from keras_bert_layers.data.tasks import cmrc_scores, normalized_answer, squad_scores

WORDS = ["the", "a", "cat", "Cat", "sat.", "on", "1,000", "!", "mat", "An"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  cat's hat!", "cats hat"),
        ("a an the", ""),
        ("an-other the-ory", "another theory"),
        ("U.S.", "us"),
        ("«Ünïted» — the", "«ünïted» —"),
        ("A.", ""),
    ],
)
def test_normalization(text, expected):
    assert normalized_answer(text) == expected


@pytest.mark.parametrize(
    ("right", "given", "exact", "f1"),
    [
        (["the black cat"], "black cat", 100, 100),
        (["the black cat"], "a cat", 0, 100 * 2 * 1 * 0.5 / 1.5),
        (["black cat", "dog"], "Dog!", 100, 100),
        (["black cat"], "dog", 0, 0),
        (["black cat"], "", 0, 0),
        (["cat cat dog"], "cat dog dog", 0, 100 * 2 / 3),
        (["the"], "an", 100, 0),  # equal, but without a word in common
    ],
)
def test_version_1_by_hand(right, given, exact, f1):
    assert squad_scores({"1": right}, {"1": given}) == pytest.approx({"exact_match": exact, "f1": f1, "total": 1})


@pytest.mark.parametrize(
    ("right", "given", "exact", "f1"),
    [([], "", 100, 100), ([], "cat", 0, 0), (["cat"], "", 0, 0), (["the"], "an", 100, 100), (["the", "cat"], "", 0, 0)],
)
def test_version_2_by_hand(right, given, exact, f1):
    scores = squad_scores({"1": right}, {"1": given}, version_2=True)
    assert (scores["exact_match"], scores["f1"], scores["total"]) == (exact, f1, 1)


def test_version_2_tells_questions_with_an_answer_from_those_without():
    scores = squad_scores({"1": ["cat"], "2": [], "3": []}, {"1": "cat dog", "2": "", "3": "dog"})
    assert scores == pytest.approx(
        {
            "exact_match": 100 / 3,
            "f1": 100 * (2 / 3 + 1) / 3,
            "total": 3,
            "has_answer_exact_match": 0,
            "has_answer_f1": 200 / 3,
            "has_answer_total": 1,
            "no_answer_exact_match": 50,
            "no_answer_f1": 50,
            "no_answer_total": 2,
        }
    )


def best_by_trying(right, given, nulls, name):
    """The best score over all thresholds, each applied on its own."""
    thresholds = [min(nulls.values()) - 1, *nulls.values()]
    tried = []
    for threshold in thresholds:
        answers = {key: "" if nulls[key] > threshold else text for key, text in given.items()}
        tried.append(squad_scores(right, answers, version_2=True)[name])
    return max(tried)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("with_ties", [False, True])
def test_the_best_threshold_is_that_of_trying_all(seed, with_ties):
    generator = random.Random(seed)
    right, given = random_answers(generator, 12, words=WORDS[2:5])
    nulls = {key: float(generator.randint(-2, 2)) if with_ties else generator.gauss(0, 3) for key in right}
    given = {key: text or "cat" for key, text in given.items()}
    scores = squad_scores(right, given, nulls, version_2=True)
    for name in ("exact_match", "f1"):
        assert scores[f"best_{name}"] == pytest.approx(best_by_trying(right, given, nulls, name))
        applied = squad_scores(right, given, nulls, scores[f"best_{name}_threshold"], version_2=True)
        assert applied[name] == pytest.approx(scores[f"best_{name}"])
    assert scores["f1"] == pytest.approx(scores["best_f1"])


def random_answers(generator, count, impossible=0.4, words=WORDS):
    """By default with answers of which nothing is left, where the definitions differ."""

    def text():
        return " ".join(generator.choices(words, k=generator.randint(words is not WORDS, 5)))

    right = {
        str(i): [] if generator.random() < impossible else [text() for _ in range(generator.randint(1, 3))]
        for i in range(count)
    }
    given = {key: generator.choice([*texts, text(), ""]) for key, texts in right.items()}
    return right, given


@pytest.mark.parametrize("seed", range(5))
def test_version_1_is_that_of_torchmetrics(seed):
    squad = pytest.importorskip("torchmetrics.functional.text").squad
    # Of two answers of which nothing is left, torchmetrics says F1 = 1, as version 2 does.
    right, given = random_answers(random.Random(seed), 300, impossible=0, words=["the cat", "A", "sat.", "1,000", "An"])
    right = {key: [f"mat {text}" for text in texts] for key, texts in right.items()}
    theirs = squad(
        [{"id": key, "prediction_text": text} for key, text in given.items()],
        [{"id": key, "answers": {"text": texts, "answer_start": [0] * len(texts)}} for key, texts in right.items()],
    )
    scores = squad_scores(right, given, version_2=False)
    assert (scores["exact_match"], scores["f1"]) == pytest.approx((theirs["exact_match"].item(), theirs["f1"].item()))


@pytest.mark.parametrize("seed", range(5))
def test_version_2_is_that_of_transformers_4(seed):
    squad_metrics = pytest.importorskip("transformers.data.metrics.squad_metrics")  # gone in transformers 5
    generator = random.Random(seed)
    right, given = random_answers(generator, 300)
    nulls = {key: generator.random() for key in right}
    examples = [Example(key, texts) for key, texts in right.items()]
    for null_scores, threshold in ((None, None), (nulls, 0.4)):
        scores = squad_scores(right, given, null_scores, threshold, version_2=True)
        theirs = squad_metrics.squad_evaluate(examples, given, null_scores, 0.4 if null_scores else 1.0)
        names = {"exact_match": "exact", "has_answer_f1": "HasAns_f1", "no_answer_exact_match": "NoAns_exact"}
        names |= {name: name for name in ("f1", "total", "best_f1")} | {"best_exact_match": "best_exact"}
        names |= {"best_f1_threshold": "best_f1_thresh", "best_exact_match_threshold": "best_exact_thresh"}
        shared = {ours: name for ours, name in names.items() if ours in scores}
        assert {name: scores[name] for name in shared} == pytest.approx({k: theirs[v] for k, v in shared.items()})


class Example:
    """What squad_evaluate reads of a question."""

    def __init__(self, key, texts):
        self.qas_id, self.answers = key, [{"text": text} for text in texts]


@pytest.mark.parametrize(
    ("right", "given", "exact", "f1"),
    [
        (["三十八人"], "三十八人", 100, 100),
        (["《红楼梦》"], "红楼梦。", 100, 100),
        (["三十八人"], "三十人", 0, 100 * 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)),  # 三十; 人 stands apart
        (["甲乙"], "丙丁", 0, 0),
        (["甲乙"], "", 0, 0),
        (["ABC公司"], "abc公司", 100, 100),
        (["2008年"], "2008 年", 0, 100),  # a space is no punctuation there
        (["甲", "甲乙丙"], "乙丙丁", 0, 200 / 3),
    ],
)
def test_chinese_answers_by_hand(right, given, exact, f1):
    assert cmrc_scores({"1": right}, {"1": given}) == pytest.approx({"exact_match": exact, "f1": f1, "total": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, {}), "no question to score"),
        (({"1": ["cat"]}, {}), "`predicted` must have every question.*1 are missing"),
        (({"1": ["cat"]}, {"1": "cat"}, {}), "`null_scores` must have every question"),
        (({"1": ["cat"]}, {"1": "cat"}, None, 0.0), "`null_threshold` is applied to `null_scores`"),
        (({"1": []}, {"1": "cat"}, None, None, False), "Version 1.1 has an answer to every question"),
    ],
)
def test_what_cannot_be_scored_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        squad_scores(*arguments)


@pytest.mark.parametrize(("right", "given"), [({}, {}), ({"1": []}, {"1": "猫"}), ({"1": ["猫"]}, {})])
def test_chinese_answers_that_are_missing_are_refused(right, given):
    with pytest.raises(ValueError, match="must have a right answer and a predicted one"):
        cmrc_scores(right, given)
