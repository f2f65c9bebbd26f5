"""Exact match and F1 of Chinese answers, character by character."""

import re
from collections.abc import Mapping, Sequence

from keras_bert_layers.data.tasks.squad import Questions

_PUNCTUATION = set("-:_*^/\\~`+=，。：？！“”；’《》…·、「」（）－～『』")
_IDEOGRAPH = re.compile("[\u4e00-\u9fa5]")


def cmrc_scores(expected: Questions | Mapping[str, Sequence[str]], predicted: Mapping[str, str]) -> dict[str, float]:
    """The share of answers that match exactly, and the mean F1 = 2·P·R / (P + R) of their characters, in percent.

    As CMRC 2018 defines them: in lowercase and without punctuation, each ideograph counts for itself and each run of
    other characters as words; P and R are the shares of the predicted and of the right answer that the longest run
    common to both makes up (not a bag of characters, as in SQuAD). Where several answers are right, the one that gives
    most counts. Its script cuts runs of other characters by NLTK, this function at spaces: they differ where such a run
    holds ASCII punctuation that the list of marks lacks.

    Args:
        expected: from `read_squad`, or the right answers by the question's id.
        predicted: an answer for each of these ids.

    Returns:
        `exact_match`, `f1` and `total`, the number of questions.

    Raises:
        ValueError: if there is no question, or one has no right or no predicted answer.

    Example:
        >>> cmrc_scores({"1": ["三十八人"], "2": ["《红楼梦》"]}, {"1": "三十人", "2": "红楼梦"})["exact_match"]
        50.0

    Reference:
        Cui et al. 2019, A Span-Extraction Dataset for Chinese Machine Reading Comprehension (arXiv:1810.07366).
    """
    if isinstance(expected, Questions):
        expected = dict(zip(expected.ids, expected.answers, strict=True))
    missing = [name for name, texts in expected.items() if not texts or name not in predicted]
    if missing or not expected:
        raise ValueError(
            "Every question must have a right answer and a predicted one. "
            f"{len(missing)} of {len(expected)} lack one, such as {missing[:3]}."
        )
    exact = f1 = 0.0
    for name, texts in expected.items():
        given = predicted[name]
        exact += max(_bare(text) == _bare(given) for text in texts)
        f1 += max(_overlap(_units(text), _units(given)) for text in texts)
    count = len(expected)
    return {"exact_match": 100 * exact / count, "f1": 100 * f1 / count, "total": count}


def _bare(text):
    return "".join(character for character in text.lower().strip() if character not in _PUNCTUATION)


def _units(text):
    """Ideographs and words, without punctuation."""
    return _IDEOGRAPH.sub(lambda found: f" {found[0]} ", _bare(text)).split()


def _overlap(right, given):
    longest, ends = 0, [0] * (len(given) + 1)
    for unit in right:
        # The length of the common run that ends at this unit and at each of the given ones.
        ends = [0, *(ends[i] + 1 if unit == other else 0 for i, other in enumerate(given))]
        longest = max(longest, *ends)
    if not longest:
        return 0.0
    precision, recall = longest / len(given), longest / len(right)
    return 2 * precision * recall / (precision + recall)
