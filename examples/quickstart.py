"""A BERT of your own, from raw text to a served model, in about five minutes on two cores.

    python examples/quickstart.py
    python examples/quickstart.py --corpus folder/of/texts --labelled texts.tsv

1. gathers English prose: the documentation inside the installed libraries, or the `.txt` files of `--corpus`
   (paragraphs separated by blank lines);
2. learns a WordPiece vocabulary from it;
3. pretrains a small BERT (masked LM and next sentence) with `model.fit`;
4. predicts a few masked words;
5. fine-tunes a classifier on a few hundred labelled texts: docstrings with their subject, or the lines
   `text<TAB>label` of `--labelled`; and, for comparison, the same model without pretraining;
6. exports a SavedModel, loads it in a fresh process and classifies raw strings.

It writes to `--output` (quickstart-out): the SavedModel, the pretrained model (`pretrained.keras`), the vocabulary,
learning curves (`learning_curves.png`) and the figures (`summary.json`), and prints a short summary.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from quickstart_progress import Progress, clock, quiet_start

with quiet_start():
    import keras
    import numpy as np
    import quickstart_figure
    import quickstart_texts
    import tensorflow as tf

    import keras_bert_layers as kbl
    import keras_bert_layers.text

tf.get_logger().setLevel("ERROR")  # three models in one program trace often, and nothing is wrong with that

SERVE = """
import json, sys
import tensorflow as tf, tensorflow_text  # its operations are part of the SavedModel
answers = tf.saved_model.load(sys.argv[1]).signatures["text"](text=tf.constant(json.loads(sys.argv[2])))
labels = [label.decode() for label in answers["label"].numpy()]
print(json.dumps(list(zip(labels, answers["score"].numpy().tolist()))))
"""


def main() -> None:
    arguments = parse_arguments()
    started = time.time()
    keras.utils.set_random_seed(arguments.seed)
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)

    heading(1, "Gathering text")
    try:
        corpus, task = quickstart_texts.gather(arguments.corpus, arguments.labelled, arguments.seed)
    except (OSError, ValueError) as error:
        sys.exit(f"\n{error}")
    sentences = [sentence for document in corpus for sentence in document]
    print(f"{sum(map(len, sentences)) / 1e6:.1f} million characters in {len(corpus):,} documents")
    print(f"{len(task.train)} labelled texts to train on, {len(task.test)} to test on: {', '.join(task.label_names)}")

    heading(2, f"Learning a vocabulary of {arguments.vocabulary_size:,} word pieces")
    vocabulary = kbl.text.learn_vocabulary(sentences, arguments.vocabulary_size)
    tokenizer = kbl.text.BertTokenizer(vocabulary)
    tokenizer.save(output / "vocab.txt")
    print(" ".join(tokenizer.id_to_token(i) for i in tokenizer.tokenize(sentences[len(sentences) // 2]).numpy()))

    heading(3, "Pretraining")
    encoder = build_encoder(arguments, tokenizer)
    pretrainer, pretraining = pretrain(encoder, tokenizer, corpus, arguments)
    pretrainer.save(output / "pretrained.keras")

    heading(4, "Predicting masked words")
    masked = quickstart_texts.masked_sentences(corpus, own_corpus=arguments.corpus is not None)
    for line in predict_masked_words(pretrainer, tokenizer, masked):
        print(line)

    heading(5, "Fine-tuning, with and without pretraining")
    preprocessor = kbl.text.BertPreprocessor(tokenizer, arguments.sequence_length)
    classifier, tuned = fine_tune(encoder, preprocessor, task, arguments, "pretrained")
    _, untrained = fine_tune(build_encoder(arguments, tokenizer), preprocessor, task, arguments, "not pretrained")
    counts = [sum(label == index for _, label in task.test) for index in range(len(task.label_names))]
    majority = max(counts) / len(task.test)

    heading(6, "Exporting, and asking the export in a fresh process")
    exported = kbl.serving.export(
        classifier, next_version(output / "classifier"), preprocessor=preprocessor, labels=task.label_names
    )
    questions = [text for text, _ in task.test[:4]]
    for text, (label, score) in zip(questions, ask(exported, questions), strict=True):
        print(f"{label:>14} {score:4.0%}  {text[:90]}")

    figure = quickstart_figure.draw(output / "learning_curves.png", pretraining, tuned, untrained, majority)
    summary = {
        "accuracy_pretrained": tuned["val_accuracy"][-1],
        "accuracy_not_pretrained": untrained["val_accuracy"][-1],
        "accuracy_majority": majority,
        "masked_lm_accuracy": pretraining["val_masked_lm_accuracy"][-1],
        "next_sentence_accuracy": pretraining["val_next_sentence_accuracy"][-1],
        "seed": arguments.seed,
        "seconds": round(time.time() - started),
        "exported": str(exported),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    print_summary(summary, figure)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, help="folder of .txt files to pretrain on; default: installed prose")
    parser.add_argument("--labelled", type=Path, help="lines of text<TAB>label; default: labelled docstrings")
    parser.add_argument("--output", type=Path, default=Path("quickstart-out"), help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocabulary-size", type=int, default=6000)
    parser.add_argument("--sequence-length", type=int, default=64)
    parser.add_argument("--num-layers", type=int, default=2)
    parser.add_argument("--hidden-dim", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5200, help="of pretraining")
    parser.add_argument("--fine-tuning-epochs", type=int, default=10)
    return parser.parse_args()


def build_encoder(arguments, tokenizer) -> keras.Model:
    config = kbl.models.BertConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        hidden_dim=arguments.hidden_dim,
        num_layers=arguments.num_layers,
        num_heads=max(1, arguments.hidden_dim // 32),
        intermediate_dim=4 * arguments.hidden_dim,
        max_sequence_length=arguments.sequence_length,
        initializer_range=0.04,  # 0.02 is for a width of 768; a narrow model learns faster from larger weights
        # In four passes over the corpus the held-out loss keeps to the training loss: nothing is overfitted yet.
        dropout=0.0,
        attention_dropout=0.0,
    )
    return kbl.models.bert_encoder(config)


def pretrain(encoder, tokenizer, corpus, arguments) -> tuple[keras.Model, dict]:
    """Trains the encoder under both pretraining heads; returns the model and its learning curves."""
    # More masked tokens than BERT's 15 %: a small model learns more from each sentence (Wettig et al. 2023).
    masker = kbl.text.MaskedLMMasker(
        tokenizer, mask_rate=0.25, max_predictions=arguments.sequence_length // 4, seed=arguments.seed
    )
    order = np.random.default_rng(arguments.seed).permutation(len(corpus))
    documents = [corpus[i] for i in order]
    held_out, documents = documents[: len(documents) // 20 + 2], documents[len(documents) // 20 + 2 :]
    shape = {"sequence_length": arguments.sequence_length, "batch_size": arguments.batch_size, "seed": arguments.seed}
    training = kbl.data.pretraining_dataset(documents, tokenizer, masker, **shape)
    validation = kbl.data.pretraining_dataset(held_out, tokenizer, masker, **shape, epochs=1, drop_remainder=False)
    validation = validation.take(20).cache()

    pretrainer = kbl.models.bert_pretrainer(encoder)
    pretrainer.compile(
        kbl.training.adamw(1e-3, arguments.steps, warmup_steps=arguments.steps // 10, epsilon=1e-6),
        loss={"masked_lm": kbl.training.MaskedLMLoss(), "next_sentence": kbl.training.NextSentenceLoss()},
        weighted_metrics={"masked_lm": [kbl.training.MaskedLMAccuracy()], "next_sentence": ["accuracy"]},
        jit_compile=True,  # every batch has the same shape, so XLA compiles the step once
    )
    rounds = 10
    steps = max(1, arguments.steps // rounds)
    shown = {
        "val_masked_lm_loss": "held-out loss {:.3f}",
        "val_masked_lm_accuracy": "masked words {:.1%}",
        "val_next_sentence_accuracy": "next sentence {:.1%}",
    }
    history = pretrainer.fit(
        training,
        steps_per_epoch=steps,
        epochs=rounds,
        validation_data=validation,
        shuffle=False,
        verbose=0,
        callbacks=[Progress(steps * rounds, shown)],
    )
    return pretrainer, {**history.history, "steps": [(i + 1) * steps for i in range(rounds)]}


def fine_tune(encoder, preprocessor, task, arguments, name: str) -> tuple[keras.Model, dict]:
    """Trains a classifier on top of the encoder; returns it and its accuracy on the test texts, epoch by epoch."""
    keras.utils.set_random_seed(arguments.seed)
    train, test = (labelled_batches(items, preprocessor) for items in (task.train, task.test))
    epochs = arguments.fine_tuning_epochs
    classifier = kbl.models.text_classifier(encoder, num_classes=len(task.label_names))
    classifier.compile(
        kbl.training.adamw(5e-4, total_steps=len(train) * epochs, warmup_steps=len(train)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    progress = Progress(len(train) * epochs, {"val_accuracy": "test accuracy {:.3f}"}, f"{name:>14}", every_epoch=False)
    history = classifier.fit(train, validation_data=test, epochs=epochs, shuffle=False, verbose=0, callbacks=[progress])
    return classifier, history.history


def labelled_batches(items, preprocessor, batch_size: int = 16) -> tf.data.Dataset:
    texts, labels = zip(*items, strict=True)
    options = tf.data.Options()
    options.autotune.enabled = False  # nothing to tune, and `fit` would wait for the tuner
    dataset = tf.data.Dataset.from_tensor_slices((list(texts), list(labels))).batch(batch_size)
    dataset = dataset.map(lambda text, label: (preprocessor(text), label)).cache()
    return dataset.shuffle(1000, seed=0).with_options(options)


def predict_masked_words(pretrainer, tokenizer, sentences: list[str]) -> list[str]:
    """For each sentence with a [MASK], the three most likely tokens there."""
    features = kbl.text.BertPreprocessor(tokenizer, pretrainer.get_layer("embeddings").max_sequence_length)(sentences)
    position = tf.argmax(features["token_ids"] == tokenizer.mask_id, axis=1, output_type=tf.int32)
    logits = pretrainer({**features, "mask_positions": position[:, tf.newaxis]})["masked_lm"]
    scores, ids = tf.math.top_k(tf.nn.softmax(logits[:, 0]), 3)
    return [
        f"{sentence:<66}" + ", ".join(f"{tokenizer.id_to_token(i)} {score:.0%}" for i, score in zip(*row, strict=True))
        for sentence, *row in zip(sentences, ids.numpy(), scores.numpy(), strict=True)
    ]


def next_version(folder: Path) -> Path:
    """The next free number below `folder`, as TensorFlow Serving counts versions."""
    taken = [int(child.name) for child in folder.glob("*") if child.name.isdigit()]
    return folder / str(max(taken, default=0) + 1)


def ask(exported: Path, texts: list[str]) -> list:
    """Labels and scores for raw strings, from a process that has TensorFlow and the SavedModel and nothing of this."""
    command = [sys.executable, "-c", SERVE, str(exported), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The fresh process could not answer:\n{done.stderr}")
    return json.loads(done.stdout)


def heading(number: int, title: str) -> None:
    print(f"\n[{number}/6] {title}", flush=True)


def print_summary(summary: dict, figure: Path) -> None:
    print(
        f"""
Done in {clock(summary["seconds"])} minutes.

Accuracy on the test texts
  pretrained            {summary["accuracy_pretrained"]:.3f}
  not pretrained        {summary["accuracy_not_pretrained"]:.3f}
  most frequent label   {summary["accuracy_majority"]:.3f}
Held-out accuracy of pretraining
  masked words          {summary["masked_lm_accuracy"]:.3f}
  next sentence         {summary["next_sentence_accuracy"]:.3f}

Learning curves   {figure}
SavedModel        {summary["exported"]}"""
    )


if __name__ == "__main__":
    main()
