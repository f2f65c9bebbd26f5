"""Fine-tunes any checkpoint to classify texts or pairs of texts; or uses one that was.

    python examples/classify.py --model path/to/checkpoint --train train.tsv --dev dev.tsv --test test.tsv
    python examples/classify.py --model path/to/checkpoint --train pairs.csv --text premise --text-pair hypothesis
    python examples/classify.py --model path/to/checkpoint --train topics.jsonl --multi-label ,
    python examples/classify.py --model path/to/checkpoint --train scores.csv --text-pair other --regression
    python examples/classify.py --model runs/classify --predict texts.txt

A table has a text and its label in each row: tab-separated (.tsv), comma-separated (.csv), or JSON lines (.jsonl). Its
columns are found by the names in its first line, or by numbers from 0 where it has no such line (`--text 0 --label 1`).

It prints a line for each step of the work: what was read, how training goes with the time that is left, the scores. It
writes below `--output`: the model, a picture of its errors, `results.json`. Run again after it was killed, it goes on
where it was. Three epochs over 5,452 questions take four minutes on two busy cores with a model of two layers of width
384. The status is 0, or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

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
    from classify_arguments import parse_arguments
    from classify_data import Examples, Features, held_out, measured
    from classify_predictions import write_predictions
    from classify_problems import Problem, make_problem
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.serving
    from keras_bert_layers.data.tasks import LabelVocabulary, class_weights


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments, __doc__)
    keras.utils.set_random_seed(options.seed)
    begin = time.perf_counter()
    with refusing_bad_input():
        tables = {
            name: options.columns.read(path)
            for name in ("train", "dev", "test")
            if (path := getattr(options, name)) is not None
        }
        texts = None if options.predict is None else options.columns.read_texts(options.predict_path)
        names = _names(options, tables)
        loaded, head = load(options, names)
        problem = make_problem(
            kbl.models.problem_type_of(loaded.model), kbl.models.labels_of(loaded.model), options.multi_label
        )
        options.sequence_length = min(options.sequence_length, loaded.sequence_length)
        examples = {name: measured(table, loaded.tokenizer) for name, table in tables.items()}
        if "train" in examples and "dev" not in examples:
            examples = split(examples, options)
        targets = {name: problem.targets(part.table) for name, part in examples.items()}
        weights = None
        if options.class_weights:
            weights = class_weights(targets["train"].argmax(axis=-1), problem.vocabulary.names)
    preprocessor = loaded.preprocessor(sequence_length=options.sequence_length)
    features = Features(loaded.model, preprocessor, options.batch_size)
    say = _Say(to_stderr=texts is not None and options.predictions is None)
    results = {"examples": {name: about(part, options, say, name) for name, part in examples.items()}}
    model = loaded.model
    if "train" in examples:
        say("labels", _summary(targets["train"], problem))
        say("head", head)
        if options.regression and head == "new":
            # From 0, a small rate would take a part of the training to come to where the numbers are.
            model.get_layer("classification").logits.bias.assign(targets["train"].mean(axis=0))
        with refusing_bad_input():
            results["epochs"] = train(options, model, problem, features, examples, targets, weights)
        model = fine_tuning.merged(model)
        features = Features(model, preprocessor, options.batch_size)

    scored = [name for name in ("dev", "test") if name in examples]
    for name in scored:
        logits = features.logits(examples[name])
        results[name] = problem.scores(targets[name], logits)
        say(name, "  ".join(f"{metric.replace('_', ' ')} {value:.4f}" for metric, value in results[name].items()))
        if name == scored[-1]:
            options.output.mkdir(parents=True, exist_ok=True)
            picture = options.output / "errors.png"
            problem.draw(picture, targets[name], logits, f"{examples[name].table.path.name}, {len(logits):,} texts")
            say("figure", picture)
    if "train" in examples:
        results |= {
            "problem_type": problem.problem_type,
            "labels": list(problem.vocabulary.names),
            "settings": {key: value for key, value in vars(options).items() if key != "columns"},
            "seconds": time.perf_counter() - begin,
        }
        results["settings"] = json.loads(json.dumps(results["settings"], default=str))
        say("saved", fine_tuning.save(options, model, loaded.tokenizer, results))
    if options.export is not None:
        path = fine_tuning.next_version(options.export)
        pairs = options.columns.text_pair is not None
        say("served", kbl.serving.export(model, path, preprocessor, pairs=pairs))
    if texts is not None:
        part = measured(texts, loaded.tokenizer)
        about(part, options, say, "predict")
        answers = problem.answers(features.logits(part))
        write_predictions(options.predictions, texts, answers)
        if options.predictions is not None:
            say("answers", options.predictions)
    return 0


def load(options, names: list[str] | None) -> tuple[kbl.convert.Pretrained, str]:
    """The checkpoint with a head for these labels, in their order there if it has them; and where the head is from."""
    path = Path(options.model) / "model" if (Path(options.model) / "model").is_dir() else options.model
    if names is None:
        loaded = kbl.convert.from_pretrained(path, task="text_classification")
        kind = kbl.models.problem_type_of(loaded.model)
        if options.problem_type not in ("single_label", kind):
            raise ValueError(f"{path} is a {kind} classifier. Leave out --{options.problem_type.replace('_', '-')}.")
        if kbl.models.labels_of(loaded.model) is None:
            raise ValueError(f"{path} does not name its labels. Train it by this script, or save it with `labels`.")
        return loaded, "of the checkpoint"
    try:
        loaded = kbl.convert.from_pretrained(path, task="text_classification")
        as_saved = set(loaded.labels or ()) == set(names)
        if as_saved and kbl.models.problem_type_of(loaded.model) == options.problem_type:
            return loaded, "of the checkpoint"
    except ValueError:
        pass  # it has no such head; or it is damaged, and the next call says how
    loaded = kbl.convert.from_pretrained(
        path, "text_classification", labels=names, problem_type=options.problem_type, new_head=True
    )
    if "classification" not in loaded.fresh:
        # A head of as many other classes: its weights mean something else.
        logits = loaded.model.get_layer("classification").logits
        logits.kernel.assign(logits.kernel_initializer(logits.kernel.shape))
        logits.bias.assign(np.zeros(logits.bias.shape))
    return loaded, "new"


def split(examples: dict[str, Examples], options) -> dict[str, Examples]:
    """A tenth of the training examples of each label as `dev`."""
    train_part = examples["train"]
    labels = [""] * len(train_part) if options.regression else train_part.table.labels
    chosen = held_out(labels, 0.1, options.seed)
    if not chosen.any():
        raise ValueError(f"{options.train} has too few examples to hold out a tenth of them. Pass a file with --dev.")
    parts = {"train": train_part.take(np.flatnonzero(~chosen)), "dev": train_part.take(np.flatnonzero(chosen))}
    return {**parts, **{name: part for name, part in examples.items() if name not in parts}}


def train(options, model, problem: Problem, features: Features, examples, targets, weights) -> list[dict]:
    """Trains with early stopping by the score that was asked for; see `fine_tuning.train`."""
    digest = hashlib.sha256(repr([examples["train"].table, targets["train"].tolist()]).encode()).hexdigest()
    return fine_tuning.train(
        options,
        model,
        lambda step: features.batches(examples["train"], targets["train"], options.seed, step),
        steps_per_epoch=-(-len(examples["train"]) // options.batch_size),
        evaluate=lambda: problem.scores(targets["dev"], features.logits(examples["dev"])),
        monitor=options.metric,
        settings={
            "problem_type": problem.problem_type,
            "labels": list(problem.vocabulary.names),
            "examples": digest,
            "metric": options.metric,
            "label_smoothing": options.label_smoothing,
            "class_weights": options.class_weights,
        },
        fit_arguments={} if weights is None else {"class_weight": weights},
        loss=problem.loss(options.label_smoothing),
    )


def about(part: Examples, options, say, name: str) -> dict:
    """Says what a table holds, and returns it for the results."""
    empty, cut, unknown = len(part.table.empty), part.cut(options.sequence_length), int(part.unknown.sum())
    notes = [f"{empty:,} empty (line {part.table.empty[0]})"] if empty else []
    notes += [f"{cut:,} cut at {options.sequence_length} tokens"] if cut else []
    notes += [f"{unknown:,} words unknown"] if unknown else []
    held = ", held out of the training examples" if name == "dev" and options.dev is None else ""
    kind = "texts" if part.table.pairs is None else "pairs"
    say(name, f"{part.table.path}: {len(part):,} {kind}{held}" + (f" ({', '.join(notes)})" if notes else ""))
    return {"file": str(part.table.path), "examples": len(part), "empty": empty, "cut": cut, "unknown": unknown}


class _Say:
    """Prints lines with a name in front; on the standard error when the answers go to the standard output."""

    def __init__(self, to_stderr: bool):
        self.to_stderr = to_stderr

    def __call__(self, name: str, text) -> None:
        print(f"{name:9} {text}", file=sys.stderr if self.to_stderr else sys.stdout)


def _names(options, tables) -> list[str] | None:
    """The labels of the training table; None if there is no training."""
    if "train" not in tables:
        return None
    if options.regression:
        return [options.columns.label if isinstance(options.columns.label, str) else "value"]
    table = tables["train"]
    if not options.multi_label and "" in table.labels:
        line = table.lines[table.labels.index("")]
        raise ValueError(f"{table.path}, line {line}: expected a label. There is none.")
    try:
        return list(LabelVocabulary.from_labels(table.labels, options.multi_label).names)
    except ValueError as error:
        raise ValueError(f"{table.path}: {error}") from None


def _summary(targets: np.ndarray, problem: Problem) -> str:
    names = problem.vocabulary.names
    if problem.problem_type == "regression":
        return f"numbers from {targets.min():g} to {targets.max():g}, {targets.mean():.3g} on average"
    counts = dict(zip(names, targets.sum(axis=0).astype(int).tolist(), strict=True))
    if len(names) <= 8:
        return ", ".join(f"{name} {count:,}" for name, count in counts.items())
    rare, often = min(counts, key=counts.get), max(counts, key=counts.get)
    return f"{len(names)}, from {rare} ({counts[rare]:,}) to {often} ({counts[often]:,})"


if __name__ == "__main__":
    sys.exit(main())
