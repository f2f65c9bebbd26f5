"""Trains answers to questions on four fifths of a file in SQuAD's format and tests on the rest: this library's side.

    python examples/benchmarks/answer_xquad.py --data xquad.en.json --model DIR --fold 0 --seed 0 --output 0.json

The other side is answer_huggingface.py: the same folds, weights, first values of the head, recipe and options, and none
of the code. Batches are compiled for any length, as `examples/answer.py` runs them. Only training is timed; the first
step, which traces the graph, is in `seconds` and stands out of `median_step`. It writes exact match, F1, the seconds
and the number of tokens, padding included, as JSON. With `--steps N` it stops after N steps, to time them.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import numpy as np
    import tensorflow as tf
    from answer_folds import first_head, read_fold
    from answer_options import parse_arguments
    from answer_windows import Answerer, losses, make_windows, training_batches

    import keras_bert_layers as kbl
    import keras_bert_layers.convert
    import keras_bert_layers.data
    import keras_bert_layers.text
    import keras_bert_layers.training


def main() -> None:
    options = parse_arguments(__doc__)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    training, test = (questions_of(side) for side in read_fold(options.data, options.fold))
    loaded = kbl.convert.from_pretrained(options.model, task="question_answering", new_head=True)
    model = loaded.model
    head = model.get_layer("span").logits
    head.kernel.assign(first_head(loaded.config.hidden_dim, options.seed))
    head.bias.assign(np.zeros(2))
    preprocessor = kbl.text.QuestionPreprocessor(loaded.tokenizer, options.sequence_length, options.stride)
    windows = make_windows(preprocessor, training)

    total = options.epochs * -(-len(windows) // options.batch_size)
    model.compile(
        kbl.training.adamw(options.learning_rate, total, int(0.1 * total), weight_decay=0.01, global_clipnorm=1.0),
        **losses(),
    )
    # Where `fit` has to create the slots, TensorFlow traces the first step twice.
    model.optimizer.build(model.trainable_variables)
    times, tokens = train(model, windows, options, total)
    report = {"fold": options.fold, "seed": options.seed, "who": f"keras_bert_layers {kbl.__version__}"}
    report |= {"learning_rate": options.learning_rate, "epochs": options.epochs, "windows": len(windows)}
    report |= {"steps": len(times), "seconds": sum(times), "tokens": tokens, "median_step": float(np.median(times))}
    if options.steps is None:
        begin = time.perf_counter()
        answers = Answerer(model)(make_windows(preprocessor, test), test)
        report |= {"questions": len(test), "test_seconds": time.perf_counter() - begin}
        scores = kbl.data.tasks.squad_scores(test, answers.texts)
        report |= {"exact_match": scores["exact_match"], "f1": scores["f1"]}
    Path(options.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


def questions_of(rows: list[dict]) -> kbl.data.tasks.Questions:
    """A side of a fold as `read_squad` would give it."""
    spans = [(start, start + len(text)) for text, start in (row["answers"][0] for row in rows)]
    return kbl.data.tasks.Questions(
        *([row[name] for row in rows] for name in ("id", "question", "context")),
        answers=[[text for text, _ in row["answers"]] for row in rows],
        spans=np.array(spans, np.int32),
        titles=[""] * len(rows),
    )


def train(model: keras.Model, windows, options, total: int) -> tuple[list[float], int]:
    """The seconds of each step, and the number of tokens, padding included."""
    steps, clock = options.steps or total, StepClock(total)
    batches = training_batches(windows, list(model.input), options.batch_size, options.seed)(0)
    model.fit(batches, steps_per_epoch=steps, callbacks=[clock], shuffle=False, verbose=0)
    orders = (
        kbl.data.length_batches(windows.lengths, options.batch_size, options.seed, epoch)
        for epoch in range(options.epochs)
    )
    sizes = [len(batch) * int(windows.lengths[batch].max()) for order in orders for batch in order]
    return clock.times, sum(sizes[:steps])


class StepClock(keras.callbacks.Callback):
    """The seconds of each step. On a CPU a step is done when `fit` says that it ends."""

    def __init__(self, total: int):
        super().__init__()
        self.total, self.times = total, []

    def on_train_begin(self, logs=None):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.times.append(now - self.begin)
        self.begin = now
        if len(self.times) % 10 == 0:
            rate = sum(self.times) / len(self.times)
            loss = f"mean loss {logs['loss']:.3f}"
            print(f"step {len(self.times)} of {self.total}, {rate:.2f} s a step, {loss}", flush=True)


if __name__ == "__main__":
    main()
