"""A model for tags: loaded with a head for them, and at work on words and on raw texts of any length."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from text_input import with_bar

import keras_bert_layers as kbl
import keras_bert_layers.convert
import keras_bert_layers.text


def load(path: str, labels: Sequence[str] | None) -> tuple[kbl.convert.Pretrained, str]:
    """The checkpoint with a head for these tags, in their order there if it has them; and where the head is from.

    Args:
        path: of a checkpoint, or of the folder that this script wrote.
        labels: the tags to be trained; None to use the model as it is.
    """
    path = Path(path) / "model" if (Path(path) / "model").is_dir() else path
    if labels is None:
        loaded = kbl.convert.from_pretrained(path, task="token_classification")
        if kbl.models.labels_of(loaded.model) is None:
            raise ValueError(f"{path} does not name its tags. Train it by this script, or save it with `labels`.")
        return loaded, "of the checkpoint"
    try:
        loaded = kbl.convert.from_pretrained(path, task="token_classification")
        if set(loaded.labels or ()) == set(labels):
            return loaded, "of the checkpoint"
    except ValueError:
        pass  # it has no such head; or it is damaged, and the next call says how
    loaded = kbl.convert.from_pretrained(path, "token_classification", labels=labels, new_head=True)
    if "token_classification" not in loaded.fresh:
        # A head of as many other tags: its weights mean something else.
        logits = loaded.model.get_layer("token_classification").logits
        logits.kernel.assign(logits.kernel_initializer(logits.kernel.shape))
        logits.bias.assign(np.zeros(logits.bias.shape))
    return loaded, "new"


def for_words(tokenizer):
    """The tokenizer as it cuts words one by one: byte pairs take the space before a word into it."""
    if isinstance(tokenizer, kbl.text.BytePairTokenizer):
        return type(tokenizer)(**{**tokenizer.get_config(), "add_prefix_space": True})
    return tokenizer


class Tagger:
    """A token classifier that answers for whole words and whole texts; long ones are read in windows.

    Args:
        model: a token classifier with labels.
        tokenizer: of the model, as from `for_words`.
        sequence_length: int. Tokens of a window.
        batch_size: int. Windows at once.
    """

    def __init__(self, model: keras.Model, tokenizer, sequence_length: int, batch_size: int):
        self.labels = kbl.models.labels_of(model)
        self.tokenizer, self.sequence_length, self.batch_size = tokenizer, sequence_length, batch_size
        self._classify = tf.function(
            lambda words: kbl.text.classify_words(model, tokenizer, words, sequence_length),
            input_signature=[tf.RaggedTensorSpec([None, None], tf.string)],
            autograph=False,
        )
        self._find = tf.function(
            lambda texts: kbl.text.find_entities(model, tokenizer, self.labels, texts, sequence_length),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

    def tags(self, sentences: Sequence[Sequence[str]], lengths: Iterable[int]) -> list[list[str]]:
        """A tag for each word; O, or the first of the tags, for a word without a token.

        Args:
            sentences: words.
            lengths: tokens of each sentence.
        """
        outside = self.labels.index("O") if "O" in self.labels else 0
        found = [[]] * len(sentences)
        for batch in with_bar(self._batches(lengths), "tagging"):
            classes = self._classify(tf.ragged.constant([sentences[number] for number in batch], dtype=tf.string))
            for number, row in zip(batch, classes.to_list(), strict=True):
                found[number] = [self.labels[outside if value < 0 else value] for value in row]
        return found

    def entities(self, texts: Sequence[str]) -> list[list[dict]]:
        """The entities of each text: `text`, `label`, `start`, `end` (in characters, exclusive) and `score`."""
        lengths = [len(text) // 2 + 2 for text in texts]  # a guess that sorts them
        found = [[]] * len(texts)
        for batch in with_bar(self._batches(lengths), "tagging"):
            columns = self._find(tf.constant([texts[number] for number in batch]))
            columns = [columns[name].to_list() for name in ("start", "end", "label", "score")]
            for number, *rows in zip(batch, *columns, strict=True):
                found[number] = [
                    {
                        "text": texts[number][start:end],
                        "label": label.decode(),
                        "start": start,
                        "end": end,
                        "score": round(score, 4),
                    }
                    for start, end, label, score in zip(*rows, strict=True)
                ]
        return found

    def _batches(self, lengths) -> list[np.ndarray]:
        """The numbers of the texts, the longest first, in batches of so many that their windows fit."""
        return list(_window_batches(np.asarray(lengths), self.sequence_length - 2, self.batch_size))


def _window_batches(lengths, size, batch_size) -> Iterator[np.ndarray]:
    order, begin = np.argsort(-lengths, kind="stable"), 0
    while begin < len(order):
        windows = 1 + max(0, lengths[order[begin]] - 2 - size) // (size - size // 4)
        end = begin + max(1, batch_size // int(windows))
        yield order[begin:end]
        begin = end
