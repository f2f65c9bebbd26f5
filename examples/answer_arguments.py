"""The options of the question answering script, and what a trained model keeps of them."""

import argparse
import json
from pathlib import Path

import fine_tuning

import keras_bert_layers as kbl

# What a model is to be used with as it was trained; kept in results.json.
KEPT = {"sequence_length": 384, "stride": 128, "max_question_length": 64, "version_2": False, "scores": "squad"}


def parse_arguments(arguments: list[str] | None, description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    fine_tuning.add_arguments(parser, output="runs/answer", sequence_length=None)
    parser.set_defaults(batch_size=16)
    task = parser.add_argument_group("questions and answers")
    task.add_argument("--train", type=Path, help="questions to train on, in the format of SQuAD")
    task.add_argument("--dev", type=Path, help="questions to score, in the format of SQuAD")
    task.add_argument("--evaluate-only", action="store_true", help="score --dev with the model as it is")
    task.add_argument("--predict", help="questions to answer: lines of JSON, or a file like SQuAD's; - reads lines")
    task.add_argument("--export", type=Path, help="folder for a SavedModel of the next version, for TensorFlow Serving")
    task.add_argument(
        "--version-2", action="store_true", default=None, help="a text may hold no answer, as in SQuAD 2.0"
    )
    task.add_argument("--null-threshold", type=float, help="of --version-2; default: the best on --dev")
    task.add_argument("--scores", choices=("squad", "cmrc"), help="cmrc: by characters, for Chinese")
    task.add_argument("--stride", type=int, help="tokens that two windows of a text share")
    task.add_argument("--max-question-length", type=int, help="in tokens; longer questions are cut")
    task.add_argument("--max-answer-length", type=int, default=30, help="in tokens")
    task.add_argument("--n-best", type=int, default=20, help="answers to a question that are listed")
    options = parser.parse_args(arguments)
    fine_tuning.check(parser, options)
    if options.max_answer_length < 1 or options.n_best < 1:
        parser.error("--max-answer-length and --n-best must be 1 or more")
    jobs = [bool(options.train), options.evaluate_only, bool(options.predict)].count(True)
    if jobs > 1 or not (jobs or options.export):
        parser.error("give --train and --dev to train, --evaluate-only and --dev to score, --predict, or --export")
    if bool(options.dev) != bool(options.train or options.evaluate_only):
        parser.error("--dev, the questions to score, goes with --train and --evaluate-only")
    if options.predict and options.export:
        parser.error("--predict prints answers and nothing else: --export in a run of its own")
    return options


def fill_in(options: argparse.Namespace, loaded: kbl.convert.Pretrained) -> None:
    """Gives the options that were left out the values that the model was trained with, or else the usual ones.

    Raises:
        ValueError: if they do not fit the model, or each other.
    """
    kept = {} if options.train else _results(options).get("kept", {})
    longest = loaded.config.max_sequence_length
    for name, usual in KEPT.items():
        if getattr(options, name) is None:
            setattr(options, name, kept.get(name, min(usual, longest) if name == "sequence_length" else usual))
    if options.sequence_length > longest:
        raise ValueError(
            f"The model takes {longest} tokens, and --sequence-length is {options.sequence_length}. "
            f"Pass --sequence-length {longest} and, if needed, a smaller --stride."
        )
    if options.version_2 and options.scores == "cmrc":
        raise ValueError("--scores cmrc has no questions without an answer: leave out --version-2.")


def kept_options(options: argparse.Namespace) -> dict:
    """What `fill_in` reads again."""
    return {name: getattr(options, name) for name in KEPT}


def null_threshold(options: argparse.Namespace) -> float | None:
    """None where every question has an answer; else as given, as it was chosen when the model was trained, or 0."""
    if not options.version_2:
        return None
    if options.null_threshold is not None:
        return options.null_threshold
    return _results(options).get("scores", {}).get("null_threshold", 0.0)


def model_path(options: argparse.Namespace) -> str:
    """Of the checkpoint, or of the model in the folder of a run."""
    inside = Path(options.model) / "model"
    return str(inside) if inside.is_dir() else options.model


def _results(options) -> dict:
    path = Path(model_path(options)).parent / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
