"""Masked-LM pretraining side by side: packed rows of this library against keras-hub's BertMaskedLM.

    python examples/benchmarks/pretrain_packed.py --train test.txt --held-out valid.txt [--seconds 240]

Both models have the same sizes, vocabulary (learned from the training text), optimizer, dropout, masking rate and
positions in a batch. Documents are the paragraphs of the files. keras-hub tokenizes, masks and pads them by its own
BertMaskedLMPreprocessor, a paragraph a row; this library packs them. Both train in turns of equal time on one machine
until each has trained for `--seconds`; after each turn the loss on the same masked tokens of the held-out text is
measured, outside the clock. It prints the real tokens a second of each (median over turns, with the spread), their
ratio and the losses, and draws both curves into `--output` (pretrain_packed.png), beside the figures as JSON.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quickstart_progress import quiet_start

with quiet_start():
    import keras
    import keras_hub
    import numpy as np
    import tensorflow as tf

    import keras_bert_layers as kbl

OURS, THEIRS = "keras_bert_layers, packed", "keras-hub BertMaskedLM"


def main() -> None:
    arguments = parse_arguments()
    keras.utils.set_random_seed(0)
    training, held_out = (read(path) for path in (arguments.train, arguments.held_out))
    vocabulary = kbl.text.learn_vocabulary((s for document in training for s in document), arguments.vocabulary_size)
    tokenizer = kbl.text.BertTokenizer(vocabulary)
    print(f"{len(training):,} paragraphs to train on, {len(held_out):,} held out, {len(vocabulary):,} tokens")
    evaluation = list(masked(held_out, tokenizer, arguments, epochs=1, batch_size=8, shuffle=False).take(12))

    contestants = [ours(training, tokenizer, arguments), theirs(training, tokenizer, arguments)]
    for contestant in contestants:
        contestant.warm_up()
        contestant.evaluate(evaluation)
    turns = max(2, round(arguments.seconds / arguments.turn))
    for turn in range(turns):
        for contestant in contestants:
            contestant.train(arguments.turn)
            loss = contestant.evaluate(evaluation)
            print(
                f"turn {turn + 1} of {turns}  {contestant.name:<28} {contestant.seconds:5.0f} s  "
                f"{contestant.rates[-1]:7,.0f} real tokens/s  held-out loss {loss:.3f}",
                flush=True,
            )
    report(contestants, arguments)


class Contestant:
    """A compiled model, its endless batches, and what was measured of it.

    Args:
        name: for the report.
        model: takes the features of `masked_lm_dataset`; gives logits.
        batches: endless, as `fit` takes them.
        real_tokens: (x) -> the number of tokens in a batch that are no padding.
    """

    def __init__(self, name, model, batches):
        self.name, self.model = name, model
        self.batches = iter(batches)
        self.seconds, self.rates, self.curve = 0.0, [], []
        self.logits = tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)
        self.model.make_train_function()

    def step(self):
        """One training step; the number of real tokens in it."""
        batch = next(self.batches)
        self.model.train_function(iter([batch]))
        return int(tf.reduce_sum(tf.cast(batch[0]["padding_mask"], tf.int64)))

    def warm_up(self):
        for _ in range(3):
            self.step()

    def train(self, seconds):
        begin, tokens = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            tokens += self.step()
        elapsed = time.perf_counter() - begin
        self.seconds += elapsed
        self.rates.append(tokens / elapsed)

    def evaluate(self, batches):
        """Cross-entropy of the masked tokens, in nats; both models see the same ones."""
        total = count = 0.0
        for x, hidden, weights in batches:
            names = self.model.input if isinstance(self.model.input, dict) else {}
            x = {name: x[name] if name != "mask_positions" else self.positions(x[name]) for name in names}
            losses = keras.losses.sparse_categorical_crossentropy(hidden, self.logits(x), from_logits=True)
            total += float(tf.reduce_sum(losses * weights))
            count += float(tf.reduce_sum(weights))
        self.curve.append((self.seconds, total / count))
        return total / count

    def positions(self, positions):
        return positions


class KerasHub(Contestant):
    def positions(self, positions):
        return tf.maximum(positions, 0)


def ours(documents, tokenizer, arguments):
    config = kbl.models.BertConfig(vocabulary_size=tokenizer.vocabulary_size, **sizes(arguments))
    model = kbl.models.masked_lm(kbl.models.bert_encoder(config, pooler=False, packed=True))
    model.compile(optimizer(arguments), loss=kbl.training.MaskedLMLoss())
    batches = masked(documents, tokenizer, arguments, batch_size=arguments.rows, max_sequences=32)
    contestant = Contestant(OURS, model, batches)
    # The held-out text is not packed: the same weights, without the features of packed rows.
    plain = kbl.models.masked_lm(kbl.models.bert_encoder(config, pooler=False))

    def evaluate(evaluation):
        plain.set_weights(model.get_weights())
        contestant.model = plain
        try:
            return Contestant.evaluate(contestant, evaluation)
        finally:
            contestant.model = model

    contestant.logits = tf.function(lambda x: plain(x, training=False), reduce_retracing=True)
    contestant.evaluate = evaluate
    return contestant


def theirs(documents, tokenizer, arguments):
    s = sizes(arguments)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=tokenizer.vocabulary_size,
        num_layers=s["num_layers"],
        num_heads=s["num_heads"],
        hidden_dim=s["hidden_dim"],
        intermediate_dim=s["intermediate_dim"],
        max_sequence_length=s["max_sequence_length"],
        dropout=s["dropout"],
    )
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor(
        keras_hub.tokenizers.BertTokenizer(vocabulary=tokenizer.vocabulary, lowercase=True, strip_accents=True),
        sequence_length=arguments.length,
        mask_selection_length=int(np.ceil(0.15 * arguments.length)),
    )
    model = keras_hub.models.BertMaskedLM(backbone=backbone, preprocessor=None)
    model.compile(
        optimizer(arguments),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[],
        jit_compile=False,
    )
    texts = [" ".join(document) for document in documents]
    batches = (
        tf.data.Dataset.from_tensor_slices(texts)
        .shuffle(len(texts), seed=0)
        .repeat()
        .batch(arguments.rows, drop_remainder=True)
        .map(preprocessor, num_parallel_calls=os.cpu_count(), deterministic=True)
        .prefetch(os.cpu_count())
    )
    return KerasHub(THEIRS, model, batches)


def sizes(arguments):
    return {
        "num_layers": arguments.layers,
        "hidden_dim": arguments.width,
        "num_heads": arguments.width // 64,
        "intermediate_dim": 4 * arguments.width,
        "max_sequence_length": arguments.length,
        "dropout": arguments.dropout,
    } | {}


def masked(documents, tokenizer, arguments, **settings):
    masker = kbl.text.MaskedLMMasker(tokenizer)
    return kbl.data.masked_lm_dataset(documents, tokenizer, masker, arguments.length, **settings)


def optimizer(arguments):
    return keras.optimizers.AdamW(arguments.learning_rate, weight_decay=0.01, epsilon=1e-6, global_clipnorm=1.0)


def read(path):
    return kbl.data.read_documents(path, layout="paragraphs")


def report(contestants, arguments):
    rates = {contestant.name: statistics.median(contestant.rates) for contestant in contestants}
    result = {
        "hardware": f"{os.cpu_count()} CPU cores, {platform.machine()}",
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__, "keras_hub": keras_hub.__version__},
        "settings": {name: str(value) for name, value in vars(arguments).items()},
        "real_tokens_per_second": rates,
        "spread": {c.name: [min(c.rates), max(c.rates)] for c in contestants},
        "ratio": rates[OURS] / rates[THEIRS],
        "held_out_loss": {c.name: c.curve[-1][1] for c in contestants},
        "curves": {c.name: c.curve for c in contestants},
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "pretrain_packed.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(contestants, arguments.output / "pretrain_packed.png")
    print(f"\n{result['hardware']}")
    for contestant in contestants:
        low, high = min(contestant.rates), max(contestant.rates)
        print(
            f"{contestant.name:<28} {rates[contestant.name]:7,.0f} real tokens/s ({low:,.0f} to {high:,.0f}), "
            f"held-out loss {contestant.curve[-1][1]:.3f} after {contestant.seconds:.0f} s"
        )
    print(f"{result['ratio']:.2f} times the real tokens a second; curves: {arguments.output / 'pretrain_packed.png'}")


def draw(contestants, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for contestant, colour in zip(contestants, ("#0b6e99", "#c0562f"), strict=True):
        seconds, losses = zip(*contestant.curve, strict=True)
        axes.plot(seconds, losses, color=colour, marker="o", markersize=3.5, label=contestant.name)
    axes.legend(frameon=False)
    axes.set(xlabel="seconds of training", ylabel="held-out masked-LM loss (nats)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    figure.savefig(path, dpi=150)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="text file; paragraphs are documents")
    parser.add_argument("--held-out", type=Path, required=True, help="text file")
    parser.add_argument("--seconds", type=float, default=240, help="training time of each")
    parser.add_argument("--turn", type=float, default=30, help="seconds of a turn")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rows", type=int, default=8, help="rows of a batch")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--vocabulary-size", type=int, default=8000)
    parser.add_argument("--output", type=Path, default=Path("pretrain-packed-out"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
