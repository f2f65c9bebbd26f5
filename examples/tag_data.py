"""Tagged sentences as the tagging script uses them: how long they are, what of them is lost, batches for training."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

import keras_bert_layers as kbl
from keras_bert_layers.data import bucketed_dataset
from keras_bert_layers.data.tasks import TaggedSentences, continuation_labels


@dataclass(frozen=True)
class Measured:
    """Sentences, and how many pieces each of their words has.

    Args:
        source: words and tags as they were read.
        pieces: for each sentence, int [words].
        unknown: words that became one unknown token.
        overlong: those of them with more characters than the tokenizer takes.
    """

    source: TaggedSentences
    pieces: list[np.ndarray]
    unknown: int
    overlong: int

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def lengths(self) -> np.ndarray:
        """int [N]: tokens with [CLS] and [SEP]."""
        return np.array([int(pieces.sum()) + 2 for pieces in self.pieces])

    def take(self, numbers: Sequence[int]) -> "Measured":
        """The sentences of these numbers."""
        source = self.source
        words, tags, lines = (
            None if column is None else [column[number] for number in numbers]
            for column in (source.words, source.tags, source.lines)
        )
        source = dataclasses.replace(source, words=words, tags=tags, lines=lines)
        return dataclasses.replace(self, source=source, pieces=[self.pieces[number] for number in numbers])

    def parts(self, sequence_length: int) -> list[tuple[int, int, int]]:
        """Every sentence, a long one in parts that fit: its number, and the words from where to where."""
        found, room = [], sequence_length - 2
        for number, pieces in enumerate(self.pieces):
            start, used = 0, 0
            for place, count in enumerate(pieces.tolist()):
                if used + count > room and place > start:
                    found.append((number, start, place))
                    start, used = place, 0
                used += count
            found.append((number, start, len(pieces)))
        return found


def measured(source: TaggedSentences, tokenizer) -> Measured:
    """Counts the pieces of all words, and the words that the tokenizer does not know."""
    flat = [word for words in source.words for word in words]
    pieces = tokenizer.tokenize(tf.constant(flat))
    counts = pieces.row_lengths().numpy()
    unknown = (counts == 1) & (pieces[:, :1].to_tensor(-1, shape=[None, 1]).numpy()[:, 0] == tokenizer.unk_id)
    limit = getattr(tokenizer, "max_characters_per_word", np.inf)
    overlong = sum(len(flat[number]) > limit for number in np.flatnonzero(unknown))
    bounds = np.cumsum([len(words) for words in source.words])[:-1]
    return Measured(source, np.split(counts, bounds), int(unknown.sum()), overlong)


class TrainingBatches:
    """Batches of like length for `fit`: features, the class of each token, and 1 where it counts.

    Args:
        part: the sentences.
        model: that they are for.
        tokenizer: of the model.
        labels: the model's tags.
        options: of the script.
    """

    def __init__(self, part: Measured, model: keras.Model, tokenizer, labels: Sequence[str], options):
        self.model, self.options = model, options
        self.preprocessor = kbl.text.WordPreprocessor(tokenizer, options.sequence_length)
        self.continuation = continuation_labels(labels) if options.pieces == "all" else None
        numbers = {label: number for number, label in enumerate(labels)}
        self.parts = part.parts(options.sequence_length)
        words, tags = part.source.words, part.source.tags
        self.columns = (
            tf.ragged.constant([words[number][start:end] for number, start, end in self.parts]),
            tf.ragged.constant(
                [[numbers[tag] for tag in tags[number][start:end]] for number, start, end in self.parts]
            ),
        )
        self.lengths = np.array([part.pieces[number][start:end].sum() for number, start, end in self.parts]) + 2

    def from_step(self, step: int) -> tf.data.Dataset:
        """Endless batches; the same ones for the same step, seed and data."""
        return bucketed_dataset(
            self.columns,
            self._prepare,
            self.lengths,
            self.options.batch_size,
            seed=self.options.seed,
            start_step=step,
        )

    def _prepare(self, words, classes):
        features = self.preprocessor(words)
        labels, weights = kbl.text.token_labels(classes, features["word_ids"], self.options.pieces, self.continuation)
        return {name: features[name] for name in self.model.input}, labels, weights
