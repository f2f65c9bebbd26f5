"""Tokens that are found in the text as they are written, before it is divided into words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_layers.text.string_table import StringTable
from keras_bert_layers.text.word_split import SPACES


@dataclass(frozen=True)
class AddedToken:
    """A token and how it is found, with the names and meanings that `added_tokens` have in a `tokenizer.json`.

    Args:
        content: the token as it is written in a text.
        special: bool. Whether it frames or fills, as `[SEP]` does, and does not belong to the text.
        normalized: bool. Whether it is looked for after Unicode normalization, in what the other tokens leave.
        lstrip, rstrip: bools. Whether it takes the white space before it, or behind it, with it.
    """

    content: str
    special: bool = False
    normalized: bool = True
    lstrip: bool = False
    rstrip: bool = False


def as_added_tokens(tokens: Iterable[str | Mapping], special: Iterable[str]) -> tuple[AddedToken, ...]:
    """`tokens` (strings, or dicts of the fields of AddedToken), and besides them the `special` ones.

    Raises:
        ValueError: if one is neither, has an unknown field, is empty, or occurs twice.
    """
    if isinstance(tokens, str | bytes):
        raise ValueError(f"`added_tokens` must be a sequence of tokens. Received the string {tokens!r}.")
    names = [field.name for field in fields(AddedToken)]
    added = {}
    for token in tokens:
        entry = {"content": token} if isinstance(token, str) else token
        if not isinstance(entry, Mapping) or "content" not in entry or not set(entry) <= set(names):
            raise ValueError(
                f"Each of `added_tokens` must be a string or a dict of {', '.join(names)}. Received: {token!r}. "
                "A whole tokenizer.json is read by `BytePairTokenizer.from_tokenizer_json`."
            )
        content = entry["content"]
        if not content or "\0" in content or content in added:
            fault = "twice" if content in added else "which is empty or has U+0000 in it"
            raise ValueError(f"`added_tokens` has the token {content!r} {fault}. Remove it.")
        added[content] = AddedToken(**{"normalized": not entry.get("special", False), **entry})
    for content in special:
        added.setdefault(content, AddedToken(content, special=True, normalized=False))
    return tuple(added.values())


class Cut(NamedTuple):
    """Parts of texts, and where they were cut out.

    Args:
        parts: string [N, None]; what stands for an added token in its place.
        source: int64 [P], of every part the number of the text it was cut from.
        starts: int64 [P]. Where in that text it begins, in bytes.
        sizes: int64 [P]. The bytes of an added token in that text; -1 for other parts.
    """

    parts: tf.RaggedTensor
    source: tf.Tensor
    starts: tf.Tensor
    sizes: tf.Tensor


class AddedTokenFinder:
    """Cuts texts at added tokens; of two that begin at the same place, the longer is meant.

    Args:
        tokens: for every spelling that is looked for, the token, and the string that comes in its place.
    """

    def __init__(self, tokens: Mapping[str, tuple[AddedToken, bytes]]):
        # RE2 takes the first alternative that fits.
        self._pattern = "|".join(re.escape(spelling) for spelling in sorted(tokens, key=len, reverse=True))
        self._take_before = [spelling for spelling, (token, _) in tokens.items() if token.lstrip]
        self._take_behind = [spelling for spelling, (token, _) in tokens.items() if token.rstrip]
        self._markers = StringTable({spelling: marker for spelling, (_, marker) in tokens.items()}) if tokens else None

    def cut(self, texts: tf.RaggedTensor) -> Cut:
        """`texts`, string [N, None], as more parts; a text beside a token may be left empty."""
        if self._markers is None:
            source = tf.range(tf.size(texts.values, tf.int64))
            return Cut(texts, source, tf.zeros_like(source), -tf.ones_like(source))
        pieces, starts, ends = tf_text.regex_split_with_offsets(texts.values, self._pattern, self._pattern)
        found, starts, row_of = pieces.values, starts.values, pieces.value_rowids()
        marker = self._markers.lookup(found, "")
        is_same_row, outside = row_of[1:] == row_of[:-1], tf.zeros_like(found[:1], tf.bool)
        stripped = found
        if self._take_before:
            is_before = tf.concat([_is_any(found[1:], self._take_before) & is_same_row, outside], axis=0)
            stripped = tf.where(is_before, tf.strings.regex_replace(stripped, f"[{SPACES}]+$", ""), stripped)
        if self._take_behind:
            is_behind = tf.concat([outside, _is_any(found[:-1], self._take_behind) & is_same_row], axis=0)
            shorter = tf.where(is_behind, tf.strings.regex_replace(stripped, f"^[{SPACES}]+", ""), stripped)
            starts += tf.cast(tf.strings.length(stripped) - tf.strings.length(shorter), tf.int64)
            stripped = shorter
        parts = tf.where(marker == "", stripped, marker)
        parts = tf.RaggedTensor.from_row_splits(parts, tf.gather(pieces.row_splits, texts.row_splits), validate=False)
        return Cut(parts, row_of, starts, tf.where(marker == "", tf.constant(-1, tf.int64), ends.values - starts))


def _is_any(texts, spellings):
    return tf.reduce_any(texts[:, tf.newaxis] == tf.constant(spellings), axis=1)
