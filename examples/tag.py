"""Fine-tunes any checkpoint to tag words (entities, parts of speech); or finds entities with one that was.

    python examples/tag.py --model path/to/checkpoint --train train.conll --dev dev.conll --test test.conll
    python examples/tag.py --model path/to/checkpoint --train en-train.conllu --part-of-speech
    python examples/tag.py --model runs/tag --predict texts.txt > entities.jsonl
    python examples/tag.py --model runs/tag --predict-conll words.txt > tagged.conll

A file has a word and its tag in each line, between tabs or spaces, and an empty line behind each sentence. Entities
are marked in any usual scheme (BIO, BIOES, BMES, BILOU, IOB1), told by the tags. Raw texts come one a line, and the
entities in them go out as JSON, with their places in characters.

It prints a line for each step of the work: what was read, how training goes with the time that is left, the scores of
entities as seqeval counts them, or the share of right words. It writes below `--output`: the model, a picture of its
errors, `results.json`. Run again after it was killed, it goes on where it was. A base model takes half an hour for
3,000 sentences and three epochs on two cores, a few minutes on a GPU. The status is 0, or 2 with a message when the
input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import contextlib
import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from quickstart_progress import quiet_start

with quiet_start():
    import fine_tuning
    import keras
    import numpy as np
    from confusion_figure import draw_confusion
    from tag_arguments import parse_arguments
    from tag_data import Measured, TrainingBatches, measured
    from tag_model import Tagger, for_words, load
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.serving
    import keras_bert_layers.text
    from keras_bert_layers.data.tasks import (
        TaggedSentences,
        detect_scheme,
        entity_scores,
        invalid_positions,
        read_conll,
    )


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments, __doc__)
    keras.utils.set_random_seed(options.seed)
    begin = time.perf_counter()
    with refusing_bad_input():
        files = {name: read(options, path) for name in ("train", "dev", "test") if (path := getattr(options, name))}
        texts = read_texts(options.predict_path) if options.predict is not None else None
        words = read(options, options.predict_conll, with_tags=False) if options.predict_conll is not None else None
        loaded, head = load(options.model, files["train"].labels if "train" in files else None)
        labels = kbl.models.labels_of(loaded.model)
        tokenizer = for_words(loaded.tokenizer)
        check_tags(files, labels)
        needs_scheme = not options.part_of_speech and (files or texts is not None)
        scheme = scheme_of(options, files, labels) if needs_scheme else None
        options.sequence_length = min(options.sequence_length, loaded.sequence_length)
        parts = {name: measured(source, tokenizer) for name, source in files.items()}
        if "train" in parts and "dev" not in parts:
            parts |= split(parts["train"], options)
    to_stderr = (texts is not None or words is not None) and options.predictions is None
    say = Say(sys.stderr if to_stderr else sys.stdout)
    results = {"examples": {name: about(name, part, scheme, options, say) for name, part in parts.items()}}
    model = loaded.model
    if "train" in parts:
        say("tags", f"{len(labels)}, " + ("parts of speech" if scheme is None else scheme) + f"; head {head}")
        with refusing_bad_input():
            results["epochs"] = train(options, model, tokenizer, parts, labels, scheme)
        model = fine_tuning.merged(model)
    tagger = Tagger(model, tokenizer, options.sequence_length, options.batch_size)

    scored = [name for name in ("dev", "test") if name in parts]
    for name in scored:
        predicted = tagger.tags(parts[name].source.words, parts[name].lengths)
        expected = parts[name].source.tags
        results[name] = {**scores(expected, predicted, scheme), **by_type(expected, predicted, scheme)}
        numbers = {key: value for key, value in results[name].items() if isinstance(value, float)}
        say(name, "  ".join(f"{key} {value:.4f}" for key, value in numbers.items()))
        if name == scored[-1]:
            options.output.mkdir(parents=True, exist_ok=True)
            draw(options.output / "errors.png", expected, predicted, scheme, parts[name].source)
            say("figure", options.output / "errors.png")
    if "train" in parts:
        results |= {
            "labels": labels,
            "scheme": scheme,
            "settings": json.loads(json.dumps(vars(options), default=str)),
            "seconds": time.perf_counter() - begin,
        }
        say("saved", fine_tuning.save(options, model, tokenizer, results))
    if options.export is not None:
        path = fine_tuning.next_version(options.export)
        say("served", kbl.serving.export(model, path, kbl.text.BertPreprocessor(tokenizer, options.sequence_length)))
    if texts is not None or words is not None:
        with answers_file(options.predictions) as file:
            write_entities(file, texts, tagger) if texts is not None else write_tags(file, words, tagger)
        if options.predictions is not None:
            say("answers", options.predictions)
    return 0


def read(options, path: Path, with_tags: bool = True) -> TaggedSentences:
    return read_conll(
        path,
        word=options.word_column,
        tag=options.tag_column,
        with_tags=with_tags,
        separator=options.separator,
        encoding=options.encoding,
    )


def read_texts(path: Path | None) -> list[str]:
    """The lines of a UTF-8 file, or of the standard input for None, as they are: offsets count every character."""
    lines = (sys.stdin.buffer.read() if path is None else path.read_bytes()).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    texts = []
    for number, line in enumerate(lines, start=1):
        try:
            texts.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            raise ValueError(f"{path or 'The standard input'}, line {number}: expected UTF-8, but {error}.") from None
    return texts[:-1] if texts[-1] == "" else texts


def scheme_of(options, files: dict[str, TaggedSentences], labels: list[str]) -> str:
    """The scheme that was given, or else the one that the model's tags tell."""
    try:
        scheme = options.scheme or detect_scheme([label] for label in labels)
        invalid_positions(labels, scheme)  # refuses the letters of another scheme
    except ValueError as error:
        advice = (
            "With this script: --part-of-speech." if files else "This model tags words: pass them to --predict-conll."
        )
        raise ValueError(f"{error}\n{advice}" if options.scheme is None else error) from None
    if options.scheme is None and scheme == "BIO" and files:
        # IOB1 has the same letters: only whole sentences tell the two apart.
        return detect_scheme(next(iter(files.values())).tags)
    return scheme


def check_tags(files: dict[str, TaggedSentences], labels: list[str]) -> None:
    """Raises a ValueError for the first tag that the model does not have, with its line."""
    for source in files.values():
        for tags, lines in zip(source.tags, source.lines, strict=True):
            for tag, line in zip(tags, lines, strict=True):
                if tag not in labels:
                    raise ValueError(
                        f"{source.path}, line {line}: the tag {tag!r} is none of the {len(labels)} of the model: "
                        f"{', '.join(labels)}. Tags are learned from --train; it must have each of them."
                    )


def split(part: Measured, options) -> dict[str, Measured]:
    """A tenth of the training sentences as `dev`."""
    order = np.random.default_rng(options.seed).permutation(len(part))
    count = len(part) // 10
    if not count:
        raise ValueError(f"{options.train} has too few sentences to hold out a tenth of them. Pass a file with --dev.")
    return {"train": part.take(np.sort(order[count:])), "dev": part.take(np.sort(order[:count]))}


def train(options, model, tokenizer, parts, labels, scheme) -> list[dict]:
    """Trains with early stopping by F1 of entities or by right words; see `fine_tuning.train`."""
    batches = TrainingBatches(parts["train"], model, tokenizer, labels, options)
    tagger = Tagger(model, tokenizer, options.sequence_length, options.batch_size)
    dev, source = parts["dev"], parts["train"].source
    # Every labelled token of a batch weighs the same; Keras' default would count the others, and the padding, too.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    digest = hashlib.sha256(repr([source.words, source.tags]).encode()).hexdigest()
    return fine_tuning.train(
        options,
        model,
        batches.from_step,
        steps_per_epoch=-(-len(batches.lengths) // options.batch_size),
        evaluate=lambda: scores(dev.source.tags, tagger.tags(dev.source.words, dev.lengths), scheme),
        monitor="accuracy" if scheme is None else "f1",
        settings={"labels": labels, "scheme": scheme, "pieces": options.pieces, "examples": digest},
        loss=loss,
    )


def scores(expected: list[list[str]], predicted: list[list[str]], scheme: str | None) -> dict[str, float]:
    """The share of right words; or precision, recall and F1 of entities. All of 1."""
    if scheme is None:
        pairs = [pair for tags in zip(expected, predicted, strict=True) for pair in zip(*tags, strict=True)]
        return {"accuracy": sum(right == tag for right, tag in pairs) / len(pairs)}
    total, _ = entity_scores(expected, predicted, scheme)
    return {"precision": total.precision, "recall": total.recall, "f1": total.f1}


def by_type(expected, predicted, scheme) -> dict:
    """What the results have beside the scores: those of each type, and of how many sentences tags make no sense."""
    if scheme is None:
        return {}
    _, types = entity_scores(expected, predicted, scheme)
    return {
        "by_type": {name: dataclasses.asdict(of_type) for name, of_type in types.items()},
        "invalid_predictions": sum(bool(invalid_positions(tags, scheme)) for tags in predicted),
    }


def about(name: str, part: Measured, scheme: str | None, options, say) -> dict:
    """Says what a file holds, and returns it for the results."""
    source = part.source
    counts = {
        "longer": int(np.count_nonzero(part.lengths > options.sequence_length)),
        "invalid": 0 if scheme is None else sum(bool(invalid_positions(tags, scheme)) for tags in source.tags),
        "without_token": int(sum(np.count_nonzero(pieces == 0) for pieces in part.pieces)),
        "unknown": part.unknown,
        "overlong": part.overlong,
        "document_marks": source.document_marks,
    }
    notes = {
        "longer": f"longer than {options.sequence_length} tokens, {'in parts' if name == 'train' else 'in windows'}",
        "invalid": f"with tags against the rules of {scheme}",
        "without_token": "words without a token",
        "unknown": "words unknown",
        "overlong": "words too long for the tokenizer",
    }
    notes = [f"{counts[key]:,} {note}" for key, note in notes.items() if counts[key]]
    words = sum(map(len, source.words))
    held = ", held out of the training sentences" if name == "dev" and options.dev is None else ""
    say(name, f"{source.path}: {len(part):,} sentences, {words:,} words{held}" + f" ({', '.join(notes)})" * bool(notes))
    return {"file": str(source.path), "sentences": len(part), "words": words, **counts}


def draw(path: Path, expected, predicted, scheme, source) -> None:
    """Which words are taken for what: a heat map of types, or of parts of speech."""
    pairs = [pair for tags in zip(expected, predicted, strict=True) for pair in zip(*tags, strict=True)]
    pairs = pairs if scheme is None else [tuple(tag.partition("-")[2] or tag for tag in pair) for pair in pairs]
    names = sorted({name for pair in pairs for name in pair})
    numbers = {name: number for number, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, tuple(np.array([[numbers[name] for name in pair] for pair in pairs]).T), 1)
    draw_confusion(path, counts, names, f"{source.path.name}, {len(pairs):,} words")


@contextlib.contextmanager
def answers_file(path: Path | None) -> Iterator[TextIO]:
    """The file for the answers, or the standard output for None."""
    if path is None:
        yield sys.stdout
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield file


def write_entities(file: TextIO, texts: list[str], tagger: Tagger) -> None:
    """A line of JSON for each text, in their order."""
    for text, entities in zip(texts, tagger.entities(texts), strict=True):
        print(json.dumps({"text": text, "entities": entities}, ensure_ascii=False), file=file)


def write_tags(file: TextIO, source: TaggedSentences, tagger: Tagger) -> None:
    """A word and its tag in each line, with a tab between, and an empty line behind each sentence."""
    lengths = measured(source, tagger.tokenizer).lengths
    for words, tags in zip(source.words, tagger.tags(source.words, lengths), strict=True):
        print(*map("\t".join, zip(words, tags, strict=True)), "", sep="\n", file=file)


class Say:
    """Prints lines with a name in front; on the standard error when the answers go to the standard output."""

    def __init__(self, file: TextIO):
        self.file = file

    def __call__(self, name: str, text) -> None:
        print(f"{name:9} {text}", file=self.file)


if __name__ == "__main__":
    sys.exit(main())
