"""Texts to vectors with any checkpoint: which are alike, which come nearest to a query; and training on pairs.

    python examples/embed.py --model path/to/checkpoint sentences.txt
    python examples/embed.py --model path/to/checkpoint sentences.txt --query "a cat on a mat" --top 3
    python examples/embed.py --model path/to/checkpoint sentences.txt --vectors vectors.npy --figure alike.png
    python examples/embed.py --model path/to/checkpoint --test stsb-en-dev.csv
    python examples/embed.py --model path/to/checkpoint --train stsb-en-train.csv --dev stsb-en-dev.csv
    python examples/embed.py --model path/to/checkpoint --train questions.tsv --loss contrastive --batch-size 64
    python examples/embed.py --model runs/embed sentences.txt

Texts come from a file or from the standard input, one a line. Without further options it prints the most similar
pairs; with `--query` the texts nearest to it. A table of pairs (.csv, .tsv, .jsonl) has two texts in a row, and behind
them a score, a third text as hard negative, or nothing. With scores, a model is measured by Spearman's rank
correlation between them and the cosines of its vectors; without, by how well the second text of a pair is found among
all of them (mean reciprocal rank). What is trained goes below `--output`: the model of the best epoch, a picture,
`results.json`; run again after it was killed, it goes on where it was.

Embedding takes some ten seconds, with the 3,000 sentences of STS-B's development set and all-MiniLM-L6-v2 half a
minute on two cores. Its training set takes this model a few minutes an epoch there, seconds on a GPU. A checkpoint of
sentence-transformers, and what was trained here, says how vectors are pooled; for another one say it yourself
(`--pooling mean`). The status is 0, or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import dataclasses
import hashlib
import json
import sys
import time
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import fine_tuning
    import keras
    import numpy as np
    from embed_arguments import IN_FIGURE, parse_arguments
    from embed_data import Embedder, Pairs, about_texts, read_pairs, read_train, training_batches
    from embed_figure import draw_cosines, draw_similarities
    from embed_neighbours import most_similar_pairs, nearest, pair_scores
    from text_input import read_lines, refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.serving
    import keras_bert_layers.training


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments, __doc__)
    keras.utils.set_random_seed(options.seed)
    with refusing_bad_input():
        tables = {
            name: (read_train if name == "train" else read_pairs)(path, options.columns)
            for name in ("train", "dev", "test")
            if (path := getattr(options, name)) is not None
        }
        texts = None if tables or (options.export and not options.file) else read_lines(options.file)
        queries = [*(options.query or ()), *(read_lines(options.queries) if options.queries else ())]
        loaded = load(options)
        if "train" in tables:
            tables, labels = prepared(tables, options)
    options.sequence_length = min(options.sequence_length or loaded.sequence_length, loaded.sequence_length)
    preprocessor = loaded.preprocessor(sequence_length=options.sequence_length)
    if "train" in tables:
        train(options, loaded, preprocessor, tables, labels)
    elif tables:
        embedder = Embedder(loaded.model, preprocessor)
        for name, pairs in tables.items():
            say(name, pairs)
            say("", described(score(embedder, pairs)))
    elif texts is not None:
        use(options, Embedder(loaded.model, preprocessor), texts, queries)
    if options.export is not None:
        path = fine_tuning.next_version(options.export)
        say("served", kbl.serving.export(loaded.model, path, preprocessor))
    return 0


def load(options) -> kbl.convert.Pretrained:
    """The model that makes the vectors, and what belongs to it."""
    path = Path(options.model) / "model" if (Path(options.model) / "model").is_dir() else options.model
    if options.pooling is None:
        try:
            return kbl.convert.from_pretrained(path, task="sentence_embedding", new_head=options.train is not None)
        except ValueError as error:
            if "pooled" in str(error):
                raise ValueError(f"{error}\nWith this script: --pooling mean.") from None
            raise
    loaded = kbl.convert.from_pretrained(path, task="encoder")
    return dataclasses.replace(loaded, model=kbl.models.text_embedder(loaded.model, options.pooling))


def prepared(tables: dict[str, Pairs], options) -> tuple[dict[str, Pairs], np.ndarray | None]:
    """The tables with one to stop by, and the labels of the loss, which is chosen if it was not said."""
    pairs = tables["train"]
    options.loss = options.loss or ("contrastive" if pairs.scores is None else "cosent")
    if options.loss != "contrastive" and (options.symmetric or options.min_score is not None):
        raise ValueError("--symmetric and --min-score go with --loss contrastive.")
    if options.loss != "contrastive" and pairs.scores is None:
        raise ValueError(f"--loss {options.loss} needs scores, and {pairs.path} has none. Use --loss contrastive.")
    if options.loss == "contrastive" and pairs.scores is not None and options.min_score is None:
        raise ValueError(
            f"--loss contrastive takes pairs that belong together, and those of {pairs.path} have scores. Say from "
            "which score on they do (--min-score 4), or use --loss cosent."
        )
    if "dev" not in tables:
        if options.train.suffix == ".txt":
            raise ValueError("Single texts do not say which belong together. Pass a table of pairs with --dev.")
        held = len(pairs) // 10
        if held < 2:
            raise ValueError(f"{pairs.path} has too few pairs to hold out a tenth of them. Pass a table with --dev.")
        order = np.random.default_rng([options.seed, 0x0DD]).permutation(len(pairs))
        tables = {**tables, "dev": pairs.take(np.sort(order[:held]))}
        pairs = pairs.take(np.sort(order[held:]))
    if pairs.scores is not None and options.loss == "contrastive":
        pairs = pairs.take(np.flatnonzero(pairs.scores >= options.min_score))
        pairs = Pairs(pairs.texts, None, pairs.path, pairs.empty)
    if len(pairs) < 2:
        raise ValueError(f"{pairs.path} has {len(pairs)} pair(s) to train on. Expected two or more.")
    labels = pairs.scores
    if options.loss == "cosine":
        labels = labels / max(1.0, float(labels.max()))
        if labels.min() < -1:
            raise ValueError(
                f"A cosine is -1 or more, and a score in {pairs.path} over the largest is {labels.min():g}."
            )
    return {**tables, "train": pairs}, labels


def train(options, loaded, preprocessor, tables: dict[str, Pairs], labels: np.ndarray | None) -> None:
    """Trains the model in place, scores it, and saves it; see `fine_tuning.train`."""
    begin = time.perf_counter()
    model, pairs = loaded.model, tables["train"]
    for name, table in tables.items():
        texts = [text for column in table.texts for text in column]
        notes = about_texts(loaded.tokenizer, texts, options.sequence_length)
        say(name, f"{table}" + (f", {notes}" if notes else ""))
    losses = {
        "contrastive": lambda: kbl.training.ContrastiveLoss(options.scale, options.symmetric),
        "cosine": kbl.training.CosineScoreLoss,
        "cosent": lambda: kbl.training.CosentLoss(options.scale),
    }
    pooling = model.get_layer("pooling").mode
    say("loss", f"{options.loss}, vectors pooled by {pooling}")
    monitor = "mrr" if tables["dev"].scores is None else "spearman"
    before = score(Embedder(model, preprocessor), tables["dev"])
    say("before", described(before))
    digest = hashlib.sha256(repr([pairs.texts, None if labels is None else labels.tolist()]).encode()).hexdigest()
    embedder = Embedder(model, preprocessor)
    with refusing_bad_input():
        epochs = fine_tuning.train(
            options,
            kbl.models.pair_embedder(model, len(pairs.texts)),
            training_batches(pairs, labels, preprocessor, options.batch_size, options.seed),
            steps_per_epoch=-(-len(pairs) // options.batch_size),
            evaluate=lambda: score(embedder, tables["dev"]),
            monitor=monitor,
            settings={
                "loss": options.loss,
                "scale": options.scale,
                "symmetric": options.symmetric,
                "pooling": pooling,
                "examples": digest,
            },
            loss=losses[options.loss](),
        )
    model = fine_tuning.merged(model)
    results = {"loss": options.loss, "before": before, "epochs": epochs}
    embedder = Embedder(model, preprocessor)
    for name in [name for name in ("dev", "test") if name in tables]:
        table = tables[name]
        vectors = [embedder(column) for column in table.texts[:2]]
        results[name] = pair_scores(*vectors, table.scores)
        say(name, described(results[name]))
        if name == "dev" and results[name][monitor] < before[monitor]:
            say("", "less than before the training: try a lower --learning-rate, more pairs, or another --loss")
        if table.scores is not None:
            path = options.output / "cosines.png"
            draw_cosines(path, table.scores, np.sum(vectors[0] * vectors[1], axis=1), f"{table.path.name}: {name}")
    results["examples"] = {name: {"file": str(table.path), "pairs": len(table)} for name, table in tables.items()}
    results["settings"] = json.loads(json.dumps(vars(options), default=str))
    results["seconds"] = time.perf_counter() - begin
    say("saved", fine_tuning.save(options, model, loaded.tokenizer, results))


def use(options, embedder: Embedder, texts: list[str], queries: list[str]) -> None:
    """Prints, writes and draws what was asked for."""
    notes = about_texts(embedder.preprocessor.tokenizer, texts, options.sequence_length)
    if notes:
        print(f"Of {len(texts):,} texts: {notes}.", file=sys.stderr)
    vectors = embedder(texts)
    if queries:
        cosines, numbers = nearest(embedder(queries), vectors, options.top)
        for query, row, found in zip(queries, cosines, numbers, strict=True):
            lines = [f"{cosine:6.3f}  {texts[number]}" for cosine, number in zip(row, found, strict=True)]
            print("\n".join(lines if len(queries) == 1 else [query, *lines]))
    elif options.vectors is None and options.figure is None:
        for cosine, one, other in most_similar_pairs(vectors, options.top):
            print(f"{cosine:6.3f}  {texts[one]}\n        {texts[other]}")
    if options.vectors is not None:
        np.save(options.vectors, vectors)
        print(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers and length 1: {options.vectors}")
    if options.figure is not None:
        draw_similarities(options.figure, texts[:IN_FIGURE], vectors[:IN_FIGURE])
        which = "all" if len(texts) <= IN_FIGURE else "the first"
        print(f"Cosines of {which} {min(IN_FIGURE, len(texts))} texts: {options.figure}")


def score(embedder: Embedder, pairs: Pairs) -> dict[str, float]:
    return pair_scores(*(embedder(column) for column in pairs.texts[:2]), pairs.scores)


def described(scores: dict[str, float]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in scores.items())


def say(name: str, text) -> None:
    print(f"{name:9} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
