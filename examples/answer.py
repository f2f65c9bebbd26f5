"""Answers questions from texts: fine-tunes on SQuAD's files, scores, and answers your own questions.

    python examples/answer.py --model path/to/checkpoint --train train-v1.1.json --dev dev-v1.1.json
    python examples/answer.py --model path/to/checkpoint --train train-v2.0.json --dev dev-v2.0.json --version-2
    python examples/answer.py --model answers/model --dev dev-v1.1.json --evaluate-only
    python examples/answer.py --model answers/model --predict questions.jsonl

Files are JSON in the format of SQuAD 1.1 or 2.0. Long texts are read in overlapping windows. After each epoch it prints
exact match and F1 on the development set, keeps the weights of the best F1, and writes to `--output`: the model with
its vocabulary (`model/`), `results.json`, `predictions.json` as the official scripts read it, and `scores.png`, the
scores by question word and by length of the answer. The same command goes on where a killed run stopped. With
`--version-2` a text may hold no answer: "no answer" wins where its score less the best answer's is above a threshold,
which is chosen on the development set and kept in `results.json`. `--scores cmrc` compares Chinese answers character
by character. `--export` also writes a directory for TensorFlow Serving: a question and a text in, or token ids, and
logits of starts and ends out.

`--predict` takes lines of JSON, {"question": ..., "context": ...}, from a file or from the standard input (`-`), or a
file like SQuAD's, and prints a line of JSON for each: the answer, its place in the text, its score, the n-best list.

The 899 questions of four fifths of XQuAD's English part take some ten minutes with all-MiniLM-L6-v2 on two cores.
The status is 0, or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import json
import sys
from pathlib import Path

from quickstart_progress import quiet_start

with quiet_start():
    import fine_tuning
    import keras
    import numpy as np
    from answer_figure import draw_scores
    from answer_windows import Answerer, losses, make_windows, training_batches
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.serving
    import keras_bert_layers.text


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    keras.utils.set_random_seed(options.seed)
    with refusing_bad_input():
        training = read(options, options.train).for_training() if options.train else None
        questions = read(options, options.dev) if options.dev else read_questions(options.predict)
        loaded = kbl.convert.from_pretrained(options.model, task="question_answering", new_head=training is not None)
        preprocessor = preprocessor_for(options, loaded)
    model = loaded.model
    answerer = Answerer(model, options.n_best, options.max_answer_length, options.batch_size)
    windows = make_windows(preprocessor, questions)
    if options.predict:
        for record in answerer(windows, questions).records(null_threshold(options), options.n_best):
            print(json.dumps(record, ensure_ascii=False))
        return 0

    print(f"dev       {questions}\n          {windows}")
    results = {}
    if training is not None:
        print(f"training  {training}")

        def evaluate():
            scores = scores_of(options, answerer(windows, questions))
            return {name: scores[name] for name in ("exact_match", "f1")}

        results["epochs"] = train(options, model, preprocessor, training, evaluate)
    answers = answerer(windows, questions)
    results["scores"] = scores_of(options, answers)
    report(options, results["scores"])
    write_answers(options, answers, results["scores"])
    if training is not None:
        results["settings"] = {name: str(value) for name, value in vars(options).items() if value is not None}
        print(f"saved     {fine_tuning.save(options, model, loaded.tokenizer, results)}")
    if options.export:
        export(options, model, loaded)
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    fine_tuning.add_arguments(parser, output="answers", sequence_length=384)
    parser.set_defaults(batch_size=16)
    parser.add_argument("--train", type=Path, help="questions to train on, in the format of SQuAD")
    parser.add_argument("--dev", type=Path, help="questions to score, in the format of SQuAD")
    parser.add_argument("--evaluate-only", action="store_true", help="score --dev with the model as it is")
    parser.add_argument("--predict", help="questions to answer: lines of JSON, or a file like SQuAD's; - reads lines")
    parser.add_argument("--version-2", action="store_true", help="a text may hold no answer, as in SQuAD 2.0")
    parser.add_argument("--null-threshold", type=float, help="of --version-2; default: chosen on --dev, or kept with")
    parser.add_argument("--scores", choices=("squad", "cmrc"), default="squad", help="cmrc: by characters, for Chinese")
    parser.add_argument("--stride", type=int, default=128, help="tokens that two windows of a text share")
    parser.add_argument("--max-question-length", type=int, default=64, help="in tokens; longer ones are cut")
    parser.add_argument("--max-answer-length", type=int, default=30, help="in tokens")
    parser.add_argument("--n-best", type=int, default=20, help="answers to a question that are listed")
    parser.add_argument("--export", action="store_true", help="also write a directory for TensorFlow Serving")
    options = parser.parse_args(arguments)
    fine_tuning.check(parser, options)
    if options.max_answer_length < 1 or options.n_best < 1:
        parser.error("--max-answer-length and --n-best must be 1 or more")
    if [bool(options.train), options.evaluate_only, bool(options.predict)].count(True) != 1:
        parser.error("give --train and --dev to train, --evaluate-only and --dev to score, or --predict to answer")
    if bool(options.dev) == bool(options.predict):
        parser.error("--dev, the questions to score, goes with --train and --evaluate-only")
    if options.version_2 and options.scores == "cmrc":
        parser.error("--scores cmrc has no questions without an answer: leave out --version-2")
    if options.export and not options.train:
        parser.error("--export goes with --train")
    return options


def read(options, path: Path) -> kbl.data.tasks.Questions:
    questions = kbl.data.tasks.read_squad(path)
    without = sum(questions.is_impossible)
    if without and not options.version_2:
        raise ValueError(f"{path}: {without:,} of {len(questions):,} questions have no answer. Add --version-2.")
    return questions


def preprocessor_for(options, loaded: kbl.convert.Pretrained) -> kbl.text.QuestionPreprocessor:
    longest = loaded.config.max_sequence_length
    if options.sequence_length > longest:
        raise ValueError(
            f"The model takes {longest} tokens, and --sequence-length is {options.sequence_length}. "
            f"Pass --sequence-length {longest} and, if needed, a smaller --stride."
        )
    return kbl.text.QuestionPreprocessor(
        loaded.tokenizer, options.sequence_length, options.stride, options.max_question_length
    )


def train(options, model, preprocessor, training, evaluate) -> list[dict]:
    windows = make_windows(preprocessor, training)
    print(f"training  {windows}; {int(np.sum(windows.is_inside)):,} of them hold the whole answer")
    steps = -(-len(windows) // options.batch_size)
    batches = training_batches(windows, list(model.input), options.batch_size, options.seed)
    names = ("stride", "max_question_length", "version_2", "scores")
    settings = {**{name: getattr(options, name) for name in names}, "train": str(options.train)}
    return fine_tuning.train(options, model, batches, steps, evaluate, "f1", settings=settings, **losses())


def scores_of(options, answers) -> dict[str, float]:
    if options.scores == "cmrc":
        return kbl.data.tasks.cmrc_scores(answers.questions, answers.texts)
    nulls = answers.differences if options.version_2 else None
    return kbl.data.tasks.squad_scores(
        answers.questions, answers.texts, nulls, options.null_threshold, version_2=options.version_2
    )


def report(options, scores: dict[str, float]) -> None:
    print(f"dev       exact match {scores['exact_match']:.2f}, F1 {scores['f1']:.2f}, {scores['total']:,} questions")
    for prefix, name in (("has_answer_", "with an answer"), ("no_answer_", "without")):
        if f"{prefix}f1" in scores:
            print(f"          {name}: F1 {scores[f'{prefix}f1']:.2f}, {scores[f'{prefix}total']:,} questions")
    if options.version_2:
        print(f"          no answer where its score less the best one's is above {scores['null_threshold']:.3f}")


def write_answers(options, answers, scores) -> None:
    """predictions.json, and the figure."""
    options.output.mkdir(parents=True, exist_ok=True)
    threshold = scores.get("null_threshold")
    texts = answers.texts
    if threshold is not None:
        texts = {name: "" if answers.differences[name] > threshold else text for name, text in texts.items()}
    kbl.data.tasks.write_squad_predictions(options.output / "predictions.json", texts)
    draw_scores(options.output / "scores.png", answers.questions, texts, options.scores)
    print(f"          {options.output / 'predictions.json'}, {options.output / 'scores.png'}")


def export(options, model, loaded) -> None:
    preprocessor = loaded.preprocessor(sequence_length=options.sequence_length, truncation="only_second")
    path = fine_tuning.next_version(options.output / "serving")
    kbl.serving.export(fine_tuning.merged(model), path, preprocessor, pairs=True)
    print(f"exported  {path}")


def read_questions(source: str) -> kbl.data.tasks.Questions:
    """The questions of a file like SQuAD's, or of lines {"question", "context"}.

    Raises:
        ValueError: if the input is none of them; with the line.
    """
    place = "the standard input" if source == "-" else source
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
    if source != "-" and _is_squad(text):
        return kbl.data.tasks.read_squad(source, with_answers=False)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            rows.append(_row(line, f"{place}, line {number}", len(rows)))
    if not rows:
        raise ValueError(f'There is no question in {place}. Expected {{"question": ..., "context": ...}} on each line.')
    ids, questions, contexts = map(list, zip(*rows, strict=True))
    spans = np.full((len(rows), 2), -1, np.int32)
    return kbl.data.tasks.Questions(ids, questions, contexts, [[]] * len(rows), spans, [""] * len(rows))


def _is_squad(text: str) -> bool:
    try:
        root = json.loads(text)
    except ValueError:  # several lines, each a JSON text of its own
        return False
    return isinstance(root, dict) and "data" in root


def _row(line: str, place: str, number: int) -> tuple[str, str, str]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: expected a JSON object: {error}.") from None
    texts = [row.get(key) for key in ("question", "context")] if isinstance(row, dict) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f'{place}: expected {{"question": "...", "context": "..."}}. Received: {line[:80]}')
    return str(row.get("id", number)), *texts


def null_threshold(options) -> float | None:
    """None where every question has an answer; else as given, as it was chosen when the model was trained, or 0."""
    kept = Path(options.model).parent / "results.json"
    if not options.version_2 or options.null_threshold is not None or not kept.exists():
        return (options.null_threshold or 0.0) if options.version_2 else None
    return json.loads(kept.read_text(encoding="utf-8"))["scores"].get("null_threshold", 0.0)


if __name__ == "__main__":
    sys.exit(main())
