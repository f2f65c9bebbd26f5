"""A figure of where answers are right: F1 and exact match by question word and by the length of the right answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import keras_bert_layers as kbl
import keras_bert_layers.data

QUESTION_WORDS = ("what", "who", "when", "where", "which", "why", "how many", "how much", "how")
# Below this share of questions with an English question word, they are in another language.
ENGLISH_SHARE = 0.5


def draw_scores(
    path: Path, questions: kbl.data.tasks.Questions, answers: dict[str, str], scores: str = "squad"
) -> None:
    """Bars of F1 with a mark at exact match, for each group of questions; its number stands beside its name."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    words = [question_word(question) for question in questions.questions]
    panels = []
    if sum(word != "other" for word in words) >= ENGLISH_SHARE * len(words):
        panels.append(("question word", words, by_number))
    unit = "characters" if scores == "cmrc" else "words"
    lengths = [length_group(texts, unit) for texts in questions.answers]
    panels.append((f"the number of {unit} in the shortest right answer", lengths, by_name))
    groups = [grouped(questions, answers, names, scores, order) for _, names, order in panels]

    heights = [len(rows) for rows in groups]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(7, 1.2 + 0.34 * sum(heights)), height_ratios=heights, squeeze=False, sharex=True
    )
    for axis, (title, _, _), rows in zip(axes[:, 0], panels, groups, strict=True):
        places = np.arange(len(rows))[::-1]
        axis.barh(places, [row["f1"] for row in rows], color="#9ecae1", label="F1")
        axis.plot(
            [row["exact_match"] for row in rows], places, "|", color="#08519c", ms=13, mew=2.5, label="exact match"
        )
        axis.set_yticks(places, [f"{row['name']}  ({row['total']:,})" for row in rows])
        axis.set_title(f"By {title}", loc="left", fontsize=10)
        axis.set_xlim(0, 100)
        axis.grid(axis="x", color="#d0d7de", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(length=0)
    axes[-1, 0].set_xlabel("points; in brackets the number of questions")
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def grouped(questions, answers, names: list[str], scores: str, order: Callable) -> list[dict]:
    """The scores of each group of questions that has the same name, in an order."""
    rows = []
    for name in sorted(set(names)):
        right = {questions.ids[i]: questions.answers[i] for i in range(len(questions)) if names[i] == name}
        score = kbl.data.tasks.cmrc_scores if scores == "cmrc" else kbl.data.tasks.squad_scores
        rows.append({**score(right, answers), "name": name})
    return sorted(rows, key=order)


def by_number(row: dict) -> tuple:
    return row["name"] == "other", -row["total"]


def by_name(row: dict) -> tuple:
    """Groups of lengths, from their first number up; those without an answer last."""
    first = row["name"].split()[0].split("–")[0]
    return int(first) if first.isdigit() else 10**6, row["name"]


def question_word(question: str) -> str:
    """The first English question word that stands in a question, or "other"."""
    padded = f" {' '.join(question.lower().replace('?', ' ').replace(',', ' ').split())} "
    found = [(padded.index(f" {word} "), -len(word), word) for word in QUESTION_WORDS if f" {word} " in padded]
    return min(found)[2] if found else "other"


def length_group(texts: list[str], unit: str) -> str:
    """The length of the shortest right answer, in steps that double."""
    if not texts:
        return "no answer"
    length = max(1, min(len(text.split()) if unit == "words" else len(text) for text in texts))
    first = 2 ** (length.bit_length() - 1)
    if first >= 32:
        return "32 or more"
    return "1" if first == 1 else f"{first}–{2 * first - 1}"
