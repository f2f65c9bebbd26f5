"""Sentences to vectors with any checkpoint: which are alike, which come nearest to a query, how good the vectors are.

    python examples/embed_sentences.py --model path/to/checkpoint sentences.txt
    python examples/embed_sentences.py --model path/to/checkpoint sentences.txt --query "a cat on a mat" --top 3
    python examples/embed_sentences.py --model path/to/checkpoint sentences.txt --output vectors.npy --figure alike.png
    python examples/embed_sentences.py --model path/to/checkpoint --sts stsb-en-dev.csv

Sentences come from a file or from the standard input, one a line. Without further options it prints the most similar
pairs; with `--query` the sentences nearest to it. `--sts` reads rows `sentence1,sentence2,score` and prints Spearman's
rank correlation between the scores and the cosines of the vectors. It takes some ten seconds; with the 3,000
sentences of STS-B's development set and all-MiniLM-L6-v2 half a minute on two cores.

A checkpoint of sentence-transformers says how its vectors are pooled; for another one say it yourself (`--pooling
mean`). The status is 0, or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import csv
import sys
import warnings
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import numpy as np
    import tensorflow as tf
    from text_input import batches_by_length, compiled, read_lines, refusing_bad_input, with_bar

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.text

IN_FIGURE = 40
# Sentences whose similarities to all others are held at once: the whole matrix of many would not fit into the memory.
ROWS_AT_ONCE = 1024
CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC")


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    with refusing_bad_input():
        if options.sts:
            first, second, scores = read_sts(options.sts)
            sentences = first + second
        else:
            sentences = read_lines(options.file)
        model, loaded = load(options.model, options.pooling)
    vectors = embed(model, loaded, sentences, options.batch_size)
    if options.sts:
        correlation = spearman(np.sum(vectors[: len(first)] * vectors[len(first) :], axis=1), scores)
        print(f"{len(scores):,} pairs, Spearman's rank correlation {correlation:.4f}")
    elif options.query is not None:
        query = embed(model, loaded, [options.query], 1)[0]
        for number in np.argsort(-vectors @ query, kind="stable")[: options.top]:
            print(f"{vectors[number] @ query:6.3f}  {sentences[number]}")
    elif options.output is None and options.figure is None:
        for cosine, one, other in most_similar_pairs(vectors, options.top):
            print(f"{cosine:6.3f}  {sentences[one]}\n        {sentences[other]}")
    if options.output is not None:
        np.save(options.output, vectors)
        print(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers and length 1: {options.output}")
    if options.figure is not None:
        draw(options.figure, sentences[:IN_FIGURE], vectors[:IN_FIGURE])
        print(
            f"Cosines of {'all' if len(sentences) <= IN_FIGURE else 'the first'} {min(IN_FIGURE, len(sentences))} "
            f"sentences: {options.figure}"
        )
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, help="a sentence a line; default: the standard input")
    parser.add_argument("--model", required=True, help="a checkpoint's directory, or a name on the Hugging Face hub")
    parser.add_argument("--pooling", choices=("mean", "max", "cls"), help="default: what the checkpoint says")
    parser.add_argument("--query", help="print the sentences nearest to this one")
    parser.add_argument("--top", type=int, default=10, help="pairs or neighbours to print")
    parser.add_argument("--output", type=Path, help="write the vectors to this .npy file")
    parser.add_argument("--figure", type=Path, help=f"draw the similarities of up to {IN_FIGURE} sentences: .png")
    parser.add_argument("--sts", type=Path, help="file of rows sentence1,sentence2,score (.csv, or .tsv with tabs)")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args(arguments)
    if options.sts and (options.file or options.query or options.output or options.figure):
        parser.error("--sts goes with no other texts, and evaluates them only")
    if options.top < 1 or options.batch_size < 1:
        parser.error("--top and --batch-size must be 1 or more")
    for path, suffix in ((options.output, ".npy"), (options.figure, ".png")):
        if path is not None and path.suffix != suffix:
            parser.error(f"{path} must end in {suffix}")
    return options


def load(path: str, pooling: str | None) -> tuple[keras.Model, kbl.convert.Pretrained]:
    """The model that makes the vectors, and the checkpoint with its tokenizer."""
    if pooling is not None:
        loaded = kbl.convert.from_pretrained(path, task="encoder")
        return kbl.models.text_embedder(loaded.model, pooling), loaded
    try:
        loaded = kbl.convert.from_pretrained(path, task="sentence_embedding")
    except ValueError as error:
        if "pooled" in str(error):
            raise ValueError(f"{error}\nWith this script: --pooling mean.") from None
        raise
    return loaded.model, loaded


def embed(model: keras.Model, loaded: kbl.convert.Pretrained, sentences: list[str], batch_size: int) -> np.ndarray:
    """float32 [N, H]: a vector of length 1 for each sentence, in their order."""
    preprocessor = loaded.preprocessor()
    lengths = loaded.tokenizer.tokenize(sentences).row_lengths().numpy() + 2
    too_long = np.count_nonzero(lengths > loaded.sequence_length)
    if too_long:
        print(
            f"{too_long:,} of {len(sentences):,} sentences are longer than the {loaded.sequence_length} tokens that "
            "the model takes: their ends are cut off.",
            file=sys.stderr,
        )

    def vectors_of_length_1(features):
        return tf.math.l2_normalize(tf.cast(model(features), tf.float32), axis=-1)

    vectors_of = compiled(vectors_of_length_1, model)
    vectors = np.empty((len(sentences), model.output.shape[-1]), "float32")
    for batch in with_bar(batches_by_length(lengths, batch_size), "embedding"):
        features = preprocessor([sentences[number] for number in batch])
        vectors[batch] = vectors_of(features)
    return vectors


def most_similar_pairs(vectors: np.ndarray, count: int) -> list[tuple[float, int, int]]:
    """The pairs of different rows with the largest cosine: (cosine, smaller number, larger number), best first."""
    best = []
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        cosines = vectors[start : start + ROWS_AT_ONCE] @ vectors.T
        cosines[np.tri(*cosines.shape, k=start, dtype=bool)] = -np.inf  # each pair once, and no row with itself
        flat = cosines.ravel()
        kept = np.argpartition(-flat, min(count, flat.size) - 1)[:count]
        rows, columns = np.divmod(kept, len(vectors))
        best += [
            (float(flat[k]), int(row) + start, int(column)) for k, row, column in zip(kept, rows, columns, strict=True)
        ]
        best = sorted(best, key=lambda pair: (-pair[0], *pair[1:]))[:count]
    return [pair for pair in best if np.isfinite(pair[0])]


def read_sts(path: Path) -> tuple[list[str], list[str], list[float]]:
    """Both sentences and the score of each row; a first row without a number is taken as the names of the columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        tabs = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if path.suffix == ".tsv" else {}
        rows = [(number, row) for number, row in enumerate(csv.reader(file, **tabs), start=1) if row]
    if rows and not _is_score(rows[0][1][-1]):
        rows = rows[1:]
    for number, row in rows:
        if len(row) != 3 or not _is_score(row[2]):
            raise ValueError(f"{path}, row {number}: expected sentence1,sentence2,score. Received: {row}.")
    scores = [float(row[2]) for _, row in rows]
    if len(set(scores)) < 2:
        raise ValueError(f"{path} must have two different scores or more, to rank. It has {len(rows)} row(s).")
    return [row[0] for _, row in rows], [row[1] for _, row in rows], scores


def _is_score(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks."""
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def draw(path: Path, sentences: list[str], vectors: np.ndarray) -> None:
    """A heat map of the cosines of all pairs; the colours span what is off the diagonal."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager
    from matplotlib import pyplot as plt

    count = len(sentences)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, np.nan)  # always 1, and it would take the colours from the rest
    middle = np.nanmin(cosines) / 2 + np.nanmax(cosines) / 2
    labels = [text if len(text) <= 60 else f"{text[:59]}…" for text in sentences]
    fonts = ["DejaVu Sans", *set(CHINESE_FONTS).intersection(font_manager.get_font_names())]
    with plt.rc_context({"font.family": fonts}), warnings.catch_warnings(action="ignore"):  # a glyph that no font has
        side = 1 + 0.34 * count
        figure, axes = plt.subplots(figsize=(side + 1, side))
        axes.set_facecolor("#eaeef2")
        picture = axes.imshow(cosines, cmap="Blues")
        named = [f"{label}  {number}" for number, label in enumerate(labels, start=1)]
        axes.set_yticks(range(count), named, parse_math=False)
        axes.set_xticks(range(count), range(1, count + 1))
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for row, column in np.argwhere(np.isfinite(cosines) & (count <= 12)):
            colour = "white" if cosines[row, column] > middle else "#24292f"
            axes.text(column, row, f"{cosines[row, column]:.2f}", ha="center", va="center", size=7, color=colour)
        figure.colorbar(picture, label="cosine", shrink=0.8)
        figure.savefig(path, dpi=120, bbox_inches="tight")
        plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())
