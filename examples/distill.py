"""Makes a smaller, faster classifier of texts from one that was fine-tuned, and says what that costs.

    python examples/distill.py --model runs/classify --train train.tsv --dev dev.tsv
    python examples/distill.py --model runs/classify --train train.tsv --layers 0,3 --max-drop 0.05

`--model` is what `classify.py` wrote, or any checkpoint with a classifier that names its labels. The student begins
with every other of its blocks, and learns from the labels and from the teacher's answers and hidden states.

It prints the scores, the sizes and the speeds of both. If the student's score is lower by more than `--max-drop`, the
status is 1 and no model is written. It writes below `--output`: the student, a picture, `results.json`. Run again after
it was killed, it goes on where it was. A step takes about as long as one in fine-tuning the teacher. The status is 2,
with a message, when the input is at fault.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import json
import statistics
import sys
import time

from quickstart_progress import quiet_start

with quiet_start():
    import classify
    import distill_figure
    import fine_tuning
    import keras
    from classify_data import Features, measured
    from classify_problems import make_problem
    from distill_arguments import metric_of, parse_arguments
    from text_input import refusing_bad_input

    import keras_bert_layers as kbl
    import keras_bert_layers.compress


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments, __doc__)
    keras.utils.set_random_seed(options.seed)
    with refusing_bad_input():
        tables = {name: options.columns.read(path) for name in ("train", "dev") if (path := getattr(options, name))}
        options.problem_type = "single_label"
        loaded, _ = classify.load(options, names=None)
        teacher = loaded.model
        problem_type = kbl.models.problem_type_of(teacher)
        problem = make_problem(problem_type, kbl.models.labels_of(teacher), options.multi_label)
        metric, options.regression = metric_of(options, problem_type), problem_type == "regression"
        options.sequence_length = min(options.sequence_length, loaded.sequence_length)
        examples = {name: measured(table, loaded.tokenizer) for name, table in tables.items()}
        if "dev" not in examples:
            examples = classify.split(examples, options)
        targets = {name: problem.targets(part.table) for name, part in examples.items()}
        student = kbl.compress.student_of(teacher, options.layers)
        distiller = kbl.compress.distill(
            teacher,
            student,
            temperature=options.temperature,
            logits="kl_divergence" if problem_type == "single_label" else "mse",
            hidden=options.hidden_weight > 0,
            hidden_weight=options.hidden_weight or 1.0,
            label_weight=options.label_weight,
        )
    for name, part in examples.items():
        say(name, f"{part.table.path}: {len(part):,} texts")
    preprocessor = loaded.preprocessor(sequence_length=options.sequence_length)
    asked = {
        "teacher": Features(teacher, preprocessor, options.batch_size),
        "student": Features(student, preprocessor, options.batch_size),
    }

    def scores(name: str) -> dict[str, float]:
        return problem.scores(targets["dev"], asked[name].logits(examples["dev"]))

    results = {"metric": metric, "teacher": scores("teacher"), "untrained": scores("student")}
    say("teacher", f"{metric.replace('_', ' ')} {results['teacher'][metric]:.4f}, {sizes(teacher)}")
    say("student", f"{metric.replace('_', ' ')} {results['untrained'][metric]:.4f} before training, {sizes(student)}")
    with refusing_bad_input():
        results["epochs"] = fine_tuning.train(
            options,
            distiller,
            lambda step: asked["student"].batches(examples["train"], targets["train"], options.seed, step),
            steps_per_epoch=-(-len(examples["train"]) // options.batch_size),
            evaluate=lambda: scores("student"),
            monitor=metric,
            settings={
                name: getattr(options, name) for name in ("layers", "temperature", "label_weight", "hidden_weight")
            },
            loss=problem.loss(label_smoothing=0.0),
        )
    results["student"] = scores("student")
    times = milliseconds(asked, examples["dev"], options.repeats)
    for name, model in (("teacher", teacher), ("student", student)):
        results[name] |= {"milliseconds": times[name], "weights": model.count_params(), "layers": layers_of(model)}
    faster = times["teacher"] / times["student"]
    say("speed", f"{times['teacher']:.2f} ms -> {times['student']:.2f} ms a text: {faster:.2f} times as fast")
    smaller = results["student"]["weights"] / results["teacher"]["weights"]
    say("size", f"{sizes(teacher)} -> {sizes(student)}: {100 * smaller:.0f} %")
    options.output.mkdir(parents=True, exist_ok=True)
    say("figure", distill_figure.draw(options.output / "distill.png", results))
    try:
        kbl.compress.check_quality({metric: results["teacher"][metric]}, results["student"], options.max_drop)
    except ValueError as refusal:
        (options.output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"not saved {refusal}", file=sys.stderr)
        return 1
    say("saved", fine_tuning.save(options, student, loaded.tokenizer, results))
    return 0


def milliseconds(asked: dict[str, Features], examples, repeats: int) -> dict[str, float]:
    """Of each model the median time for a text, over predictions of all examples in turn; all are warm by now."""
    seconds = {name: [] for name in asked}
    for _ in range(repeats):
        for name, features in asked.items():
            begin = time.perf_counter()
            features.logits(examples)
            seconds[name].append(time.perf_counter() - begin)
    return {name: 1000 * statistics.median(values) / len(examples) for name, values in seconds.items()}


def sizes(model: keras.Model) -> str:
    """The layers and weights of a model in words."""
    return f"{layers_of(model)} layers, {model.count_params() / 1e6:.2f} M weights"


def layers_of(model: keras.Model) -> int:
    """How many blocks are applied."""
    stack = model.get_layer("encoder")
    return len(stack.order or stack.blocks)


def say(name: str, text) -> None:
    print(f"{name:9} {text}")


if __name__ == "__main__":
    sys.exit(main())
