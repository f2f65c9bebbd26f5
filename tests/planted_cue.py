"""A task in which one word of a text decides its class, and a tiny model that has learnt it."""

import functools

import keras
import numpy as np

from keras_bert_layers import models, text

CUES = {"awful": 0, "dreadful": 0, "lovely": 1, "superb": 1}
NEUTRAL = 2  # of a text without any of them
FILLERS = [f"w{number}" for number in range(10)]
VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "awful", "dread", "##ful", "lovely", "super", "##b"),
    *FILLERS,
]


def preprocessor() -> text.BertPreprocessor:
    return text.BertPreprocessor(text.BertTokenizer(VOCABULARY), sequence_length=12)


def texts(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts of three to six words, and the word of each that decides."""
    rng = np.random.default_rng(seed)
    cues = [str(cue) for cue in rng.choice(list(CUES), count)]
    return [_text(rng, cue) for cue in cues], cues


def _text(rng, *cue) -> str:
    words = list(rng.choice(FILLERS, rng.integers(3, 6) - len(cue) + 1))
    for word in cue:
        words.insert(int(rng.integers(0, len(words) + 1)), word)
    return " ".join(words)


@functools.cache
def trained() -> keras.Model:
    """A classifier that has learnt the task, the same in every test that asks for it."""
    keras.utils.set_random_seed(1)
    config = models.BertConfig(
        vocabulary_size=len(VOCABULARY),
        hidden_dim=16,
        num_layers=2,
        num_heads=2,
        intermediate_dim=32,
        max_sequence_length=12,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.2,
    )
    model = models.text_classifier(models.bert_encoder(config), num_classes=3, dropout=0.0)
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    given, cues = texts(512, seed=0)
    rng = np.random.default_rng(2)
    given += [_text(rng) for _ in range(256)]
    classes = [CUES[cue] for cue in cues] + [NEUTRAL] * 256
    features = {name: np.asarray(value) for name, value in preprocessor()(given).items()}
    model.fit(features, np.array(classes), batch_size=64, epochs=10, verbose=0)
    return model
