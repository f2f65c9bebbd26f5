"""Entities as tags and back: every scheme, also where its rules are broken, and scores as seqeval gives them."""

import random

import pytest

from keras_bert_layers.data.tasks import (
    continuation_labels,
    convert_tags,
    detect_scheme,
    entity_scores,
    invalid_positions,
    spans_from_tags,
    tags_from_spans,
)

SCHEMES = ["BIO", "BIOES", "BMES", "BILOU", "IOB1"]
TYPES = ["PER", "LOC", "event-name", "_"]
schemes = pytest.mark.parametrize("scheme", SCHEMES)


def random_spans(rng, num_words):
    spans, end = [], 0
    while end < num_words:
        start = end + rng.choice([0, 0, 1, 3])
        end = start + rng.choice([1, 1, 2, 4])
        if end <= num_words:
            spans.append((start, end, rng.choice(TYPES)))
    return spans


def random_tags(rng, letters, num_words, types=TYPES[:3]):
    tags = ["O", *(f"{letter}-{entity_type}" for letter in letters for entity_type in types)]
    return [rng.choice(tags) for _ in range(num_words)]


@schemes
def test_entities_come_back_from_their_tags(scheme):
    rng = random.Random(0)
    cases = [(random_spans(rng, number), number) for number in range(40) for _ in range(10)]
    assert [spans_from_tags(tags_from_spans(*case, scheme), scheme) for case in cases] == [spans for spans, _ in cases]


@schemes
@pytest.mark.parametrize("target", SCHEMES)
def test_converting_there_and_back_changes_nothing(scheme, target):
    rng = random.Random(1)
    sentences = [tags_from_spans(random_spans(rng, 30), 30, scheme) for _ in range(50)]
    assert [convert_tags(convert_tags(tags, scheme, target), target, scheme) for tags in sentences] == sentences


@pytest.mark.parametrize(("scheme", "letters"), [("BIO", "BI"), ("BIOES", "BIES")])
def test_entities_of_any_tags_are_those_of_seqeval(scheme, letters):
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling", reason="needs seqeval")
    rng = random.Random(2)
    for _ in range(2000):
        tags = random_tags(rng, letters, rng.randrange(12))
        expected = [(start, end + 1, entity_type) for entity_type, start, end in seqeval.get_entities(tags)]
        assert spans_from_tags(tags, scheme) == expected


@pytest.mark.parametrize(("scheme", "letters"), [("BIO", "BI"), ("BIOES", "BIES")])
def test_scores_are_those_of_seqeval(scheme, letters):
    seqeval = pytest.importorskip("seqeval.metrics", reason="needs seqeval")
    rng = random.Random(3)
    expected = [random_tags(rng, letters, 10) for _ in range(300)]
    predicted = [[tag if rng.random() < 0.7 else random_tags(rng, letters, 1)[0] for tag in tags] for tags in expected]
    total, by_type = entity_scores(expected, predicted, scheme)
    report = seqeval.classification_report(expected, predicted, output_dict=True, zero_division=0)
    got = {"micro avg": total, **by_type}
    for name, scores in got.items():
        row = report[name]
        assert [scores.precision, scores.recall, scores.f1, scores.support] == pytest.approx(
            [row["precision"], row["recall"], row["f1-score"], row["support"]]
        )


def test_scores_are_shares_of_entities_that_agree_in_words_and_type():
    expected = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-PER", "O"]]
    total, by_type = entity_scores(expected, predicted)
    assert (total.precision, total.recall, total.f1, total.support, total.predicted) == (1 / 3, 1 / 3, 1 / 3, 3, 3)
    assert (by_type["LOC"].precision, by_type["LOC"].recall, by_type["PER"].f1) == (1.0, 0.5, 0.0)


def test_scores_without_any_entity_are_zero_not_undefined():
    total, by_type = entity_scores([["O"]], [["O"]])
    assert (total.precision, total.recall, total.f1, by_type) == (0.0, 0.0, 0.0, {})


def test_sentences_of_other_lengths_are_not_compared():
    with pytest.raises(ValueError, match="Sentence 2 has 2 right tags and 1 predicted ones"):
        entity_scores([["O"], ["O", "O"]], [["O"], ["O"]])


@pytest.mark.parametrize(
    ("scheme", "tags", "positions"),
    [
        ("BIO", "O I-A I-A B-A I-B", [1, 4]),
        ("BIOES", "B-A O I-A E-A S-A", [0, 2]),
        ("BMES", "B-A M-A E-A S-A O", []),
        ("IOB1", "I-A B-A O B-A", [3]),
    ],
)
def test_tags_that_break_the_rules_are_found(scheme, tags, positions):
    assert invalid_positions(tags.split(), scheme) == positions


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O O", "O"], "BIO"),
        (["B-A I-A O", "O B-A B-A"], "BIO"),
        (["I-A I-A O", "I-A B-A I-B"], "IOB1"),
        (["I-A O", "B-A O"], "BIO"),
        (["S-A O", "B-A E-A"], "BIOES"),
        (["B-A M-A E-A"], "BMES"),
        (["U-A O B-A I-A L-A"], "BILOU"),
        (["B M E S"], "BMES"),
    ],
)
def test_the_scheme_is_told_by_the_letters(tags, scheme):
    assert detect_scheme([sentence.split() for sentence in tags]) == scheme


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spans_from_tags(["NOUN"]), "Received: 'NOUN'. Tags of words, such as parts of speech"),
        (lambda: spans_from_tags(["B-"]), "Received: 'B-'"),
        (lambda: spans_from_tags(["M-A"], "BIO"), "Tags of the scheme BIO begin with B, I, O. Received: 'M-A'"),
        (lambda: spans_from_tags(["B-A"], "IOB2"), "`scheme` must be one of 'BIO'"),
        (lambda: tags_from_spans([(0, 2, "A"), (1, 3, "B")], 3), "do not overlap"),
        (lambda: tags_from_spans([(0, 4, "A")], 3), "end within the sentence of 3 words"),
        (lambda: detect_scheme([["M-A", "L-A"]]), "The letters L, M of these tags belong to no one scheme"),
    ],
)
def test_bad_tags_and_spans_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_later_piece_of_a_word_goes_on_with_its_entity():
    assert continuation_labels(["O", "B-A", "I-A", "B-B", "M-C", "B-C"]) == [0, 2, 2, 3, 4, 4]
