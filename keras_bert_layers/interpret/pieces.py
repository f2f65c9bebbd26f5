"""A text as a model reads it: its tokens, the words they are pieces of, and where these stand in the text."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """The S tokens of one text or pair, special tokens included, padding not.

    Args:
        text: a str, or a pair of them.
        tokens: S str, as the vocabulary writes them.
        token_ids: int32 [S].
        segment_ids: int32 [S]; 1 in the second text and its [SEP].
        words: W str: the words, in the order of the text, as it writes them.
        word_ids: S numbers of words, None at special tokens: the pieces of a word have one number.
        offsets: S pairs, the characters of the token in its text (start, end); (0, 0) at special tokens.

    Example:
        >>> from keras_bert_layers import text
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "!"]
        >>> preprocessor = text.BertPreprocessor(text.BertTokenizer(vocabulary), sequence_length=8)
        >>> pieces = pieces_of(preprocessor, "Unaffable!")
        >>> pieces.words, pieces.word_ids
        (('Unaffable', '!'), (None, 0, 0, 0, 1, None))
    """

    text: str | tuple[str, str]
    tokens: tuple[str, ...]
    token_ids: np.ndarray
    segment_ids: np.ndarray
    words: tuple[str, ...]
    word_ids: tuple[int | None, ...]
    offsets: tuple[tuple[int, int], ...]

    def by_word(self, values: np.ndarray) -> np.ndarray:
        """The sum of the values [S, ...] over the pieces of every word: [W, ...]."""
        values = np.asarray(values)
        sums = np.zeros((len(self.words), *values.shape[1:]), values.dtype)
        for number, value in zip(self.word_ids, values, strict=True):
            if number is not None:
                sums[number] += value
        return sums

    def fields_of_pieces(self) -> dict[str, Any]:
        """The fields of Pieces by name, for a result that says more of the same text."""
        return {field.name: getattr(self, field.name) for field in fields(Pieces)}


def pieces_of(preprocessor, text: str | tuple[str, str]) -> Pieces:
    """The pieces of one text or pair, cut as the preprocessor cuts it.

    Raises:
        ValueError: if `preprocessor` is no BertPreprocessor, or `text` neither a str nor a pair of str.
    """
    segments = _segments(preprocessor, text)
    tokenizer = preprocessor.tokenizer
    features = {name: np.asarray(value) for name, value in preprocessor(text).items()}
    length = int(features["padding_mask"].sum())
    token_ids, segment_ids = features["token_ids"][:length], features["segment_ids"][:length]
    tokens = tuple(tokenizer.id_to_token(int(each)) for each in token_ids)
    offsets, word_ids, words = [(0, 0)] * length, [None] * length, []
    continues, begin = tokenizer.is_continuation, 1
    for number, segment in enumerate(segments):
        count = int((segment_ids == number).sum()) - 1 - (number == 0)
        places = range(begin, begin + count)
        _, starts, ends = tokenizer.tokenize_with_offsets(segment, unit="character")
        spans = zip(np.asarray(starts)[:count].tolist(), np.asarray(ends)[:count].tolist(), strict=True)
        offsets[begin : begin + count] = spans
        groups = []
        for place in places:
            if place == begin or not continues[token_ids[place]]:
                groups.append([])
            groups[-1].append(place)
        for group in groups:
            for place in group:
                word_ids[place] = len(words)
            words.append(segment[offsets[group[0]][0] : offsets[group[-1]][1]].rstrip())
        begin += count + 1
    return Pieces(
        text=text,
        tokens=tokens,
        token_ids=token_ids,
        segment_ids=segment_ids,
        words=tuple(words),
        word_ids=tuple(word_ids),
        offsets=tuple(offsets),
    )


def model_inputs(model: keras.Model, preprocessor, pieces: Pieces, token_ids: np.ndarray) -> dict[str, np.ndarray]:
    """What a model takes to read these rows of token ids [R, S] in the place of a text's.

    A model that predicts masked tokens is asked for those that are [MASK] in the text.
    """
    if not isinstance(model.input, dict) or "token_ids" not in model.input:
        raise ValueError(
            "Expected a model with the inputs token_ids, segment_ids and padding_mask by name, as keras_bert_layers."
            f"models makes it. Received {model.name!r} with the inputs {model.input}."
        )
    masked = np.flatnonzero(pieces.token_ids == _mask_id(preprocessor))
    rows = {
        "segment_ids": pieces.segment_ids,
        "padding_mask": np.ones_like(pieces.segment_ids),
        "mask_positions": masked.astype("int32") if len(masked) else np.array([-1], "int32"),
    }
    unknown = set(model.input) - {"token_ids", *rows}
    if unknown:
        raise ValueError(f"{model.name!r} takes {', '.join(sorted(unknown))}, which a single text does not give.")
    tiled = {name: np.tile(row, (len(token_ids), 1)) for name, row in rows.items()}
    return {name: {"token_ids": token_ids, **tiled}[name] for name in model.input}


def special_places(preprocessor, pieces: Pieces) -> np.ndarray:
    """bool [S]: where special tokens stand, [MASK] too; [UNK] is a word."""
    special = set(preprocessor.tokenizer.special_ids) - {preprocessor.tokenizer.unk_id}
    return np.isin(pieces.token_ids, sorted(special))


def replacement_id(preprocessor, name: str) -> int:
    """The id of [PAD] for "pad", of [MASK] for "mask"."""
    found = {"pad": preprocessor.tokenizer.pad_id, "mask": _mask_id(preprocessor)}[name]
    if found is None:
        raise ValueError('The vocabulary has no [MASK]; words can be replaced by [PAD]: pass "pad".')
    return found


def check_texts(texts: Sequence) -> None:
    """Raises a ValueError unless `texts` is a list; one text alone would be taken for a list of letters."""
    if isinstance(texts, str) or not isinstance(texts, list):
        raise ValueError(f'`texts` must be a list of str or of pairs of str, such as ["a text"]. Received: {texts!r}.')


def _mask_id(preprocessor):
    return preprocessor.tokenizer.mask_id


def _segments(preprocessor, text):
    if not hasattr(preprocessor, "tokenizer"):
        raise ValueError(
            f"`preprocessor` must be a BertPreprocessor, such as Pretrained.preprocessor(). Received: {preprocessor!r}."
        )
    segments = (text,) if isinstance(text, str) else tuple(text)
    if len(segments) > 2 or not all(isinstance(each, str) for each in segments):
        raise ValueError(f"A text is a str, or a pair of str. Received: {text!r}.")
    return segments
