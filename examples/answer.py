"""Answers questions from texts: fine-tunes any checkpoint on SQuAD's files, scores, and answers your own questions.

    python examples/answer.py --model path/to/checkpoint --train train-v1.1.json --dev dev-v1.1.json
    python examples/answer.py --model path/to/checkpoint --train train-v2.0.json --dev dev-v2.0.json --version-2
    python examples/answer.py --model runs/answer --dev dev-v1.1.json --evaluate-only
    python examples/answer.py --model runs/answer --predict questions.jsonl > answers.jsonl
    python examples/answer.py --model runs/answer --export served/answers

Files are JSON in the format of SQuAD 1.1 or 2.0. Long texts are read in overlapping windows. After each epoch it prints
exact match and F1 on the development set, keeps the weights of the best F1, and writes to `--output`: the model with
its vocabulary (`model/`), `results.json`, `predictions.json` as the official scripts read it, and `scores.png`, the
scores by question word and by length of the answer. Run again after it was killed, it goes on where it was. With
`--version-2` a text may hold no answer: "no answer" wins where its score less the best answer's is above a threshold,
the one with the best F1 on the development set. `--scores cmrc` compares Chinese answers character by character. What a
model was trained with (`--version-2`, the length of windows) is kept for its later use.

`--predict` takes lines of JSON, {"question": ..., "context": ...}, from a file or from the standard input (`-`), or a
file like SQuAD's, and prints a line of JSON for each: the answer, its place in the text, its score, the n-best list.

Windows of 256 questions are made in a tenth of a second; how long training takes, it says as it goes. The status is 0,
or 2 with a message when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import json
import sys

from quickstart_progress import quiet_start

with quiet_start():
    import fine_tuning
    import keras
    import numpy as np
    from answer_arguments import fill_in, kept_options, model_path, null_threshold, parse_arguments
    from answer_figure import draw_scores
    from answer_input import read_questions
    from answer_windows import Answerer, losses, make_windows, training_batches
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.serving
    import keras_bert_layers.text


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments, __doc__.split("\n\n")[0])
    keras.utils.set_random_seed(options.seed)
    with refusing_bad_input():
        training, dev = (kbl.data.tasks.read_squad(path) if path else None for path in (options.train, options.dev))
        asked = read_questions(options.predict) if options.predict else None
        loaded = kbl.convert.from_pretrained(
            model_path(options), task="question_answering", new_head=training is not None
        )
        fill_in(options, loaded)
        for questions in (training, dev):
            check_version(options, questions)
        preprocessor = kbl.text.QuestionPreprocessor(
            loaded.tokenizer, options.sequence_length, options.stride, options.max_question_length
        )
    answerer = Answerer(loaded.model, options.n_best, options.max_answer_length, options.batch_size)
    if asked is not None:
        answers = answerer(make_windows(preprocessor, asked), asked)
        for record in answers.records(null_threshold(options), options.n_best):
            print(json.dumps(record, ensure_ascii=False))
    if dev is not None:
        windows = make_windows(preprocessor, dev)
        print(f"dev       {dev}\n          {windows}")
        results = {"kept": kept_options(options)}
        if training is not None:

            def scores():
                return scores_of(options, answerer(windows, dev))

            results["epochs"] = train(options, loaded.model, preprocessor, training, scores)
        answers = answerer(windows, dev)
        results["scores"] = scores_of(options, answers)
        report(options, results["scores"])
        write_answers(options, answers, results["scores"])
        if training is not None:
            results["settings"] = {name: str(value) for name, value in vars(options).items() if value is not None}
            print(f"saved     {fine_tuning.save(options, loaded.model, loaded.tokenizer, results)}")
    if options.export is not None:
        export(options, loaded, preprocessor)
    return 0


def check_version(options, questions: kbl.data.tasks.Questions | None) -> None:
    without = sum(questions.is_impossible) if questions else 0
    if without and not options.version_2:
        raise ValueError(
            f"{questions.path}: {without:,} of {len(questions):,} questions have no answer. Add --version-2."
        )


def train(options, model, preprocessor, training, scores) -> list[dict]:
    print(f"training  {training}")
    windows = make_windows(preprocessor, training.for_training())
    print(f"          {windows}; {int(np.sum(windows.is_inside)):,} hold the whole answer")
    steps = -(-len(windows) // options.batch_size)
    batches = training_batches(windows, list(model.input), options.batch_size, options.seed)

    def evaluate():
        found = scores()
        return {name: found[name] for name in ("exact_match", "f1")}

    settings = {**kept_options(options), "train": str(options.train)}
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
        differences = answers.differences
        texts = {name: "" if differences[name] > threshold else text for name, text in texts.items()}
    kbl.data.tasks.write_squad_predictions(options.output / "predictions.json", texts)
    draw_scores(options.output / "scores.png", answers.questions, texts, options.scores)
    print(f"          {options.output / 'predictions.json'}, {options.output / 'scores.png'}")


def export(options, loaded, preprocessor) -> None:
    path = kbl.serving.export(
        fine_tuning.merged(loaded.model),
        fine_tuning.next_version(options.export),
        preprocessor,
        top_k=options.n_best,
        max_answer_length=options.max_answer_length,
        null_threshold=null_threshold(options),
    )
    print(f"served    {path}")


if __name__ == "__main__":
    sys.exit(main())
