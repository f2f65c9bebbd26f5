"""Texts of a language so simple that heads form within a minute, for a picture of these pages.

    python docs/chain_corpus.py chain
    python examples/pretrain.py --corpus chain/corpus --vocabulary chain/vocab.txt --phases 32:1500:16 --num-layers 2 \\
        --hidden-dim 64 --num-heads 4 --objective none --learning-rate 2e-3 --evaluate-every 100 --model-every 100 \\
        --no-jit --output chain/run
    python examples/explain_pretraining.py --checkpoints chain/run/models/* --texts chain/texts.txt \\
        --output docs/images/interpret_heads.png

It has 60 words, and nine times of ten a word is followed by the one that follows it always.
"""

import sys
from pathlib import Path

import numpy as np

WORDS = [first + vowel + last for first in "bdfglmnprs" for vowel, last in ("ak", "et", "in", "op", "um", "as")]


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    next_word = dict(zip(WORDS, rng.permutation(WORDS), strict=True))

    def line() -> str:
        words = [str(rng.choice(WORDS))]
        while len(words) < 14:
            words.append(str(next_word[words[-1]] if rng.random() < 0.9 else rng.choice(WORDS)))
        return " ".join(words)

    (folder / "corpus").mkdir(parents=True)
    for number in range(30):
        (folder / "corpus" / f"{number}.txt").write_text("\n".join(line() for _ in range(120)), encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(line() for _ in range(60)), encoding="utf-8")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
