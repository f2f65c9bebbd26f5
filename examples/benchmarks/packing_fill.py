"""How much of the rows is text: a corpus with one sequence a row, and packed.

    python examples/benchmarks/packing_fill.py --vocabulary vocab.txt --layout paragraphs texts.txt

Prints the number of sequences and the share of positions that hold a token, unpacked and for several limits on the
sequences in a row.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras_bert_layers as kbl
    import keras_bert_layers.data
    import keras_bert_layers.text
    from keras_bert_layers.data.packing import pack_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="+")
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--layout", choices=["sentences", "prose", "paragraphs"], default="paragraphs")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--short", type=float, nargs="+", default=[0.1, 0.15], help="short_sequence_probability")
    arguments = parser.parse_args()
    documents = kbl.data.read_documents(arguments.corpus, layout=arguments.layout)
    corpus = kbl.data.tokenize_documents(documents, kbl.text.BertTokenizer(arguments.vocabulary))
    for probability in arguments.short:
        spans = kbl.data.full_sentences(corpus, arguments.length, short_sequence_probability=probability)
        lengths = spans[:, 1] - spans[:, 0] + 2
        fills = [f"{pack_rows(lengths, arguments.length, most).fill:.1%} (K={most})" for most in (8, 16, 32, 64)]
        print(
            f"short sequences {probability:.0%}: {len(lengths):,} sequences, one a row fills "
            f"{lengths.mean() / arguments.length:.1%}, packed {', '.join(fills)}"
        )


if __name__ == "__main__":
    main()
