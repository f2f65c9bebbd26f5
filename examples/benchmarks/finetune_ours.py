"""Fine-tunes one data set with this library: our side of the fine-tuning comparison.

    python examples/benchmarks/finetune_ours.py --data DIR --model DIR --task sst2 --seed 0 --output sst2-0.json

The recipe is that of finetune_huggingface.py, in plain `fit`: AdamW, weight decay 0.01 on matrices only, linear warm-up
over a tenth of the steps and linear decay, gradients clipped to norm 1, batches of like length padded to their longest
text, tagged words by their first piece. Only training is timed, tracing included. It writes the score, the
seconds and the number of tokens, padding included, as JSON. With `--steps N` it stops after N steps, to time them.
`--save FOLDER` keeps the trained model as a checkpoint, and `--precision bfloat16` computes in half precision.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

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
    from finetune_arguments import make_parser
    from finetune_tasks import TASKS

    import keras_bert_layers as kbl

SEQUENCE_LENGTH = 128


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--lora", type=int, default=0, metavar="RANK", help="train low-rank changes of matrices only")
    parser.add_argument("--lora-targets", nargs="+", default=["query", "value"], metavar="NAME", help="of add_lora")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="weights stay float32")
    parser.add_argument("--save", metavar="FOLDER", help="for the trained model")
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    if options.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    task = TASKS[options.task]
    training, test = task.read(Path(options.data) / options.task)
    labels = task.labels(training)
    loaded = kbl.convert.from_pretrained(
        options.model,
        "token_classification" if task.kind == "tag" else "text_classification",
        labels=labels or ["score"],
        new_head=True,
    )
    side = (Tagging if task.kind == "tag" else Texts)(loaded, task.kind, labels, training)
    if task.kind == "regress":
        loss = keras.losses.MeanSquaredError()
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    per_epoch = -(-len(training) // options.batch_size)
    steps = options.epochs * per_epoch
    if options.lora:
        kbl.compress.add_lora(loaded.model, options.lora, targets=options.lora_targets)
    loaded.model.compile(kbl.training.adamw(options.learning_rate, steps, steps // 10), loss=loss, jit_compile=False)
    # Where `fit` has to create the slots, TensorFlow traces the first step twice.
    loaded.model.optimizer.build(loaded.model.trainable_variables)
    clock = Clock(options.steps)
    batches = side.batches(options.batch_size, options.seed).map(clock.count)
    loaded.model.fit(
        batches, steps_per_epoch=options.steps or steps, epochs=1, shuffle=False, verbose=0, callbacks=[clock]
    )

    report = {"task": options.task, "seed": options.seed, "who": f"keras_bert_layers {kbl.__version__}"}
    report |= {"batches": "bucketed", "steps": len(clock.times) + 1, "tokens": int(clock.tokens.numpy())}
    # The first step traces the graph, which is part of the time that a user waits.
    report |= {"median_step": float(np.median(clock.times)), "first_step": clock.first}
    report["seconds"] = clock.first + sum(clock.times)
    counts = kbl.models.count_weights(loaded.model)
    report |= {"trained_weights": counts.trained, "weights": counts.total}
    if options.lora:
        kbl.compress.merge_lora(loaded.model)
    if options.save:
        kbl.convert.save_pretrained(
            loaded.model, options.save, loaded.tokenizer, labels, sequence_length=SEQUENCE_LENGTH, overwrite=True
        )
    if options.steps is None:
        predicted = side.predict([example[0] for example in test])
        report |= {"metric": task.metric, "score": task.score([example[1] for example in test], predicted)}
    Path(options.output).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report))


class Clock(keras.callbacks.Callback):
    """The seconds of each step but the first, and the tokens of the batches."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.times, self.tokens = steps, [], tf.Variable(0, dtype=tf.int64)

    def count(self, x, *rest):
        self.tokens.assign_add(tf.size(x["token_ids"], tf.int64))
        return x, *rest

    def on_train_batch_begin(self, batch, logs=None):
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.iterations.numpy()
        seconds = time.perf_counter() - self.begin
        if batch == 0:
            self.first = seconds
        else:
            self.times.append(seconds)
        if batch % 50 == 49:
            print(f"step {batch + 1}, {np.mean(self.times):.3f} s a step", flush=True)


class Texts:
    """Texts or pairs of texts with a class or a number each."""

    def __init__(self, loaded, kind, labels, training):
        self.model, self.kind, self.labels = loaded.model, kind, labels
        self.preprocessor = loaded.preprocessor(sequence_length=SEQUENCE_LENGTH)
        self.texts = self.columns([texts for texts, _ in training])
        answers = [answer for _, answer in training]
        self.answers = np.array(answers, "float32") if kind == "regress" else np.array(list(map(labels.index, answers)))

    def columns(self, examples):
        return tuple(np.array(column) for column in zip(*examples, strict=True))

    def lengths(self, texts):
        return sum(self.preprocessor.tokenizer.tokenize(column).row_lengths().numpy() for column in texts)

    def features(self, texts):
        return self.preprocessor(texts if len(texts) > 1 else texts[0])

    def batches(self, batch_size, seed):
        def prepare(*columns):
            return self.features(columns[:-1]), columns[-1]

        return kbl.data.bucketed_dataset(
            (*self.texts, self.answers), prepare, self.lengths(self.texts), batch_size, seed=seed
        )

    def predict(self, examples):
        texts = self.columns(examples)
        answers = [None] * len(examples)
        for rows in kbl.data.length_batches(self.lengths(texts), 32):
            logits = self.model.predict_on_batch(self.features(tuple(column[rows] for column in texts)))
            for row, values in zip(rows, logits, strict=True):
                answers[row] = float(values[0]) if self.kind == "regress" else self.labels[int(values.argmax())]
        return answers


class Tagging:
    """Sentences of words with a tag each."""

    def __init__(self, loaded, kind, labels, training):
        self.model, self.labels = loaded.model, labels
        self.preprocessor = kbl.text.WordPreprocessor(loaded.tokenizer, SEQUENCE_LENGTH)
        self.words = tf.ragged.constant([list(words) for words, _ in training])
        self.tags = tf.ragged.constant([list(map(labels.index, tags)) for _, tags in training], dtype=tf.int32)

    def lengths(self, words):
        return tf.reduce_sum(self.preprocessor.tokenizer.tokenize(words).row_lengths(axis=2), axis=1).numpy()

    def batches(self, batch_size, seed):
        def prepare(words, tags):
            features = self.preprocessor(words)
            word_ids = features.pop("word_ids")
            return features, *kbl.text.token_labels(tags, word_ids)

        return kbl.data.bucketed_dataset(
            (self.words, self.tags), prepare, self.lengths(self.words), batch_size, seed=seed
        )

    def predict(self, examples):
        words = tf.ragged.constant([list(example) for example in examples])
        answers = [None] * len(examples)
        beyond = "O" if "O" in self.labels else self.labels[0]
        for rows in kbl.data.length_batches(self.lengths(words), 32):
            features = self.preprocessor(tf.gather(words, rows))
            word_ids = features.pop("word_ids")
            logits = self.model.predict_on_batch(features)
            classes = kbl.text.word_predictions(logits, word_ids, tf.gather(words.row_lengths(), rows)).to_list()
            for row, found in zip(rows, classes, strict=True):
                answers[row] = tuple(self.labels[c] if c >= 0 else beyond for c in found)
        return answers


if __name__ == "__main__":
    main()
