"""How well the entities of a model's tags agree with those of the right tags."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keras_bert_layers.data.tasks.tag_schemes import spans_from_tags


@dataclass(frozen=True)
class EntityScores:
    """Precision, recall and F1 of entities: shares of 1, and 0 where there is nothing to take a share of.

    Args:
        precision: of the predicted entities, how many are right: of the right words and the right type.
        recall: of the entities there are, how many were found.
        f1: the harmonic mean of the two.
        support: how many entities there are.
        predicted: how many were predicted.

    Example:
        >>> EntityScores.of_counts(right=1, predicted=2, support=4).f1
        0.3333333333333333
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    @classmethod
    def of_counts(cls, right: int, predicted: int, support: int) -> "EntityScores":
        precision = right / predicted if predicted else 0.0
        recall = right / support if support else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        return cls(precision, recall, f1, support, predicted)


def entity_scores(
    expected: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]], scheme: str = "BIO"
) -> tuple[EntityScores, dict[str, EntityScores]]:
    """Scores of all entities together (micro average), and of each type: the numbers of seqeval.

    Args:
        expected, predicted: the tags of each sentence, read as by `spans_from_tags`.
        scheme: as in `spans_from_tags`.

    Returns:
        The scores over all types, and by type, sorted.

    Raises:
        ValueError: if there are other numbers of sentences or words on both sides, or a tag is none of the scheme.

    Example:
        >>> total, by_type = entity_scores([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]])
        >>> total.precision, total.recall, sorted(by_type)
        (0.5, 1.0, ['LOC', 'PER'])

    Reference:
        Tjong Kim Sang and De Meulder 2003, Introduction to the CoNLL-2003 Shared Task, section 2.5.
    """
    right, of_model, there = Counter(), Counter(), Counter()
    for number, (right_tags, tags) in enumerate(zip(expected, predicted, strict=True), start=1):
        if len(right_tags) != len(tags):
            raise ValueError(f"Sentence {number} has {len(right_tags)} right tags and {len(tags)} predicted ones.")
        spans, found = set(spans_from_tags(right_tags, scheme)), set(spans_from_tags(tags, scheme))
        for counter, counted in ((right, spans & found), (of_model, found), (there, spans)):
            counter.update(entity_type for _, _, entity_type in counted)
    by_type = {
        entity_type: EntityScores.of_counts(right[entity_type], of_model[entity_type], there[entity_type])
        for entity_type in sorted(of_model | there)
    }
    return EntityScores.of_counts(right.total(), of_model.total(), there.total()), by_type
