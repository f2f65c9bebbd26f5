"""Texts on which an export is compared with its model."""

import keras
import numpy as np
import tensorflow as tf

from keras_bert_layers.serving.endpoints import TextTask

# Lengths, cases, scripts, special tokens and nothing at all: what a preprocessing that got lost would stumble over.
FIXED = (
    "",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "Crème brûlée, naïve Straße; 100 %!",
    "我喜欢自然语言处理。",
    "[CLS] [SEP] [MASK] not\tplain\n text 🙂",
)
# Sentences of a text that is longer than any model takes. Were they alike, windows over it would be too, and rounding
# would choose among their answers.
_LONG = 90
# Characters of one to four bytes, marks and spaces among them.
_RANGES = ((0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x4E00, 0x9FA6), (0x1F600, 0x1F650))


def random_texts(vocabulary: list[str], number: int, seed: int = 0) -> list[str]:
    """Texts of words from the vocabulary and of characters from anywhere; the same for the same seed."""
    rng = np.random.default_rng(seed)

    def word():
        if rng.random() < 0.7:
            return vocabulary[rng.integers(len(vocabulary))].removeprefix("##")
        return "".join(chr(rng.integers(*_RANGES[rng.integers(len(_RANGES))])) for _ in range(rng.integers(1, 6)))

    return [" ".join(word() for _ in range(rng.integers(1, 16))) for _ in range(number)]


def text_probes(task: TextTask, model: keras.Model, preprocessor) -> list[dict[str, tf.Tensor]]:
    """Inputs of a text endpoint: a batch of short texts, fixed and random; and one text longer than the model takes."""
    # With a fixed length every text costs as much as a long one.
    is_fixed = getattr(preprocessor, "padding", "longest") == "max"
    number = max(4, min(14, 4096 // preprocessor.sequence_length)) if is_fixed else 14
    texts = [*FIXED, *random_texts(preprocessor.tokenizer.vocabulary, 8)][-number:]
    long = " ".join(random_texts(preprocessor.tokenizer.vocabulary, _LONG, seed=1))
    if "mask_positions" in model.input:
        mask = preprocessor.tokenizer.id_to_token(preprocessor.tokenizer.mask_id)
        texts = [f"{mask} {each}" for each in texts]
        long = f"{mask} {long}"
    # The other texts of pairs, and the questions, are those of the row before.
    batches = ([texts, texts[-1:] + texts[:-1]], [[long], ["a"]])
    columns = [batch if task.inputs[0] != "question" else batch[::-1] for batch in batches]
    return [{name: tf.constant(column) for name, column in zip(task.inputs, batch, strict=False)} for batch in columns]


def id_probes(model: keras.Model, preprocessor) -> dict[str, tf.Tensor]:
    """Inputs of the endpoint of ids: what the preprocessor makes of two texts, and with masks, the place of one."""
    texts = tf.constant(["a", "The quick brown fox."])
    features = preprocess(preprocessor, texts)
    features["mask_positions"] = tf.constant([[1, -1]] * 2)
    return {name: features[name] for name in model.input}


def ids_of_length(model: keras.Model, preprocessor, length: int) -> dict[str, tf.Tensor]:
    """Inputs of the endpoint of ids with so many columns: two rows of tokens, the second one with padding."""
    real = np.array([length, max(1, length - 1)])[:, np.newaxis] > np.arange(length)
    tokens = np.random.default_rng(length).integers(len(preprocessor.tokenizer.vocabulary), size=(2, length))
    features = {name: np.zeros((2, length), "int32") for name in model.input}
    features["token_ids"] = np.where(real, tokens, preprocessor.tokenizer.pad_id).astype("int32")
    features |= {"padding_mask": real.astype("int32"), "mask_positions": np.array([[1, -1]] * 2, "int32")}
    return {name: tf.constant(features[name], symbol.dtype) for name, symbol in model.input.items()}


def preprocess(preprocessor, texts: tf.Tensor) -> dict[str, tf.Tensor]:
    """The features of texts by any of the preprocessors: of texts, of questions, of words."""
    kind = type(preprocessor).__name__
    if kind == "QuestionPreprocessor":
        return dict(preprocessor((texts, texts)))
    return dict(preprocessor(texts[:, tf.newaxis] if kind == "WordPreprocessor" else texts))


def example_probes(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The first two rows of a text endpoint's inputs, as serialized examples."""
    rows = zip(*(values.numpy()[:2] for values in inputs.values()), strict=True)
    return {"examples": tf.constant([serialized_example(dict(zip(inputs, row, strict=True))) for row in rows])}


def serialized_example(strings: dict[str, bytes]) -> bytes:
    """A `tf.train.Example` with one string for each feature."""
    example = tf.train.Example()
    for name, value in strings.items():
        example.features.feature[name].bytes_list.value.append(value)
    return example.SerializeToString(deterministic=True)
