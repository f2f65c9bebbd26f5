"""The question answering comparison: which questions are trained on, which are tested, and the head's first values.

Reads a file in SQuAD's format. The article with number i, in the order of the file, is tested in fold i mod 5 and
trained on in the four others, so that no paragraph stands on both sides. Nothing here needs TensorFlow or PyTorch.
"""

import json
from pathlib import Path

import numpy as np

FOLDS = 5


def read_fold(path: str | Path, fold: int) -> tuple[list[dict], list[dict]]:
    """(questions to train on, questions to test on): dicts of id, question, context, and answers of (text, start)."""
    if fold not in range(FOLDS):
        raise ValueError(f"`fold` must be 0 to {FOLDS - 1}. Received: {fold}.")
    sides = [], []
    for number, article in enumerate(json.loads(Path(path).read_text(encoding="utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                sides[number % FOLDS == fold].append(
                    {
                        "id": question["id"],
                        "question": question["question"],
                        "context": paragraph["context"],
                        "answers": [(answer["text"], answer["answer_start"]) for answer in question["answers"]],
                    }
                )
    return sides


def first_head(hidden_dim: int, seed: int) -> np.ndarray:
    """float32 [H, 2]: the kernel of the span head before the training, columns start and end; its bias is zero."""
    return np.random.default_rng(seed).normal(scale=0.02, size=(hidden_dim, 2)).astype("float32")
