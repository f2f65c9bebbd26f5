"""A tiny exported model for each task, and texts to ask it about."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tiny

from keras_bert_layers import models, serving, text

LABELS = ["negative", "neutral", "positive"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
IDEOGRAPHS, EMOJI, LETTERS = "我喜欢自然语言处理好坏", "🙂🙃🎉", "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = [
    *tiny.VOCABULARY,
    *IDEOGRAPHS,
    *EMOJI,
    *LETTERS[1:],
    *(f"##{letter}" for letter in LETTERS if letter != "s"),
]


@dataclass(frozen=True)
class Served:
    """A model, its preprocessor, where it was exported to, and the names of its strings."""

    model: keras.Model
    preprocessor: keras.layers.Layer
    path: Path
    inputs: tuple[str, ...]

    def feed(self, texts: list[bytes]) -> dict[str, np.ndarray]:
        """The texts as inputs of the text endpoint; with two inputs, the other one is the text of the row before."""
        if "mask_positions" in self.model.input:
            texts = [b"[MASK] " + each for each in texts]
        strings = np.array(texts, object)
        return dict(zip(self.inputs, (np.roll(strings, 1), strings)[-len(self.inputs) :], strict=True))

    def features(self, texts: list[bytes]) -> dict[str, np.ndarray]:
        """The same as inputs of the endpoint of token ids, where strings have one."""
        strings = [tf.constant(column) for column in self.feed(texts).values()]
        features = dict(self.preprocessor(tuple(strings) if len(strings) > 1 else strings[0]))
        features["mask_positions"] = tf.constant([[1, -1]] * len(texts))
        return {name: features[name].numpy() for name in self.model.input}


def _encoder():
    return models.bert_encoder(tiny.config(vocabulary_size=len(VOCABULARY), max_sequence_length=32, num_layers=1))


TASKS: dict[str, Callable[[], keras.Model]] = {
    "single_label": lambda: models.text_classifier(_encoder(), labels=LABELS),
    "pairs": lambda: models.text_classifier(_encoder(), labels=LABELS),
    "multi_label": lambda: models.text_classifier(_encoder(), labels=LABELS, problem_type="multi_label"),
    "regression": lambda: models.text_classifier(_encoder(), 1),
    "entities": lambda: models.token_classifier(_encoder(), labels=TAGS),
    "questions": lambda: models.span_predictor(_encoder()),
    "masked_words": lambda: models.masked_lm(_encoder()),
    "embedding": lambda: models.text_embedder(_encoder()),
}
# No strings say which positions are masked in two heads at once: these have the endpoint of token ids only.
WITHOUT_TEXT: dict[str, Callable[[], keras.Model]] = {"pretraining": lambda: models.bert_pretrainer(_encoder())}
INPUTS = {"pairs": ("text", "text_pair"), "questions": ("question", "context")}


def export_tiny(task: str, folder: Path) -> Served:
    """Builds the model of the task with weights that tell texts apart, and exports it to a version in `folder`."""
    model = (TASKS | WITHOUT_TEXT)[task]()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.5, size=weight.shape) for weight in model.get_weights()])
    preprocessor = text.BertPreprocessor(text.BertTokenizer(VOCABULARY), sequence_length=32)
    path = serving.export(model, folder / task, preprocessor, pairs=task == "pairs")
    return Served(model, preprocessor, path, INPUTS.get(task, ("text",)))


def plain_texts(count: int, seed: int = 0) -> list[bytes]:
    """English, Chinese, emoji, mixtures of these, nothing at all, and a few texts of 10,000 characters."""
    rng = np.random.default_rng(seed)
    alphabets = {"english": tiny.WORDS[:4] + tiny.WORDS[5:], "chinese": list(IDEOGRAPHS), "emoji": list(EMOJI)}
    alphabets["mixed"] = [word for words in alphabets.values() for word in words] + ["Good", "café", "x" * 120, "\t"]
    texts = []
    for number in range(count):
        kind = list(alphabets)[number % len(alphabets)]
        words = rng.choice(alphabets[kind], rng.integers(0, 24))
        texts.append(("" if kind == "chinese" else " ").join(words))
    for number, alphabet in zip(range(7, count, 50), alphabets.values(), strict=False):
        texts[number] = "".join(f"{word} " for word in rng.choice(alphabet, 10_000))[:10_000]
    return [each.encode() for each in texts]
