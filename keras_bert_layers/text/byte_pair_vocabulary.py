"""Reading and checking the two parts of a byte-pair vocabulary: the ids of tokens, and the merges."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf


def read_ids(vocabulary: str | os.PathLike | Mapping[str, int] | Sequence[str]) -> dict[str, int]:
    """The id of every token, in the order of ids.

    Args:
        vocabulary: a dict of ids, the tokens in the order of their ids, or the path of a `vocab.json`.

    Raises:
        ValueError: if it is none of these, or the ids are not 0, 1, 2 ... with one token each.
    """
    if isinstance(vocabulary, str | os.PathLike):
        vocabulary = read_json(vocabulary, "`vocabulary`")
    if isinstance(vocabulary, Mapping):
        ids = dict(vocabulary)
    else:
        tokens = list(vocabulary)
        ids = {token: position for position, token in enumerate(tokens)}
        if len(ids) < len(tokens):
            token, count = Counter(tokens).most_common(1)[0]
            raise ValueError(
                f"`vocabulary` has the token {token!r} {count} times. Expected each token once: remove it."
            )
    for token, token_id in ids.items():
        if not isinstance(token, str) or not token or not isinstance(token_id, int) or isinstance(token_id, bool):
            raise ValueError(
                f"`vocabulary` must give an integer id to every token, a string that is not empty. Received: {token!r} "
                f"with the id {token_id!r}. In a vocab.json that is {{token: id}}, not {{id: token}}."
            )
    ids = dict(sorted(ids.items(), key=lambda item: item[1]))
    for expected, (token, token_id) in enumerate(ids.items()):
        if token_id != expected:
            others = [other for other in ids if ids[other] == token_id and other != token]
            fault = f"{others[0]!r} and {token!r} both have the id {token_id}" if others else f"none has {expected}"
            raise ValueError(
                f"The {len(ids)} tokens of `vocabulary` must have the ids 0 to {len(ids) - 1}, but {fault}. Ids are "
                "rows of the model's embedding: give every row a token (added tokens too), and one only."
            )
    return ids


def read_merges(merges: str | os.PathLike | Iterable[str], ids: Mapping[str, int]) -> list[str]:
    """The merges, as `"a b"` strings, checked against the vocabulary.

    Args:
        merges: such strings, or the path of a `merges.txt` with one a line (a first line `#version: ...` is skipped).
        ids: the vocabulary.

    Raises:
        ValueError: if there are none, one is repeated or no pair, or its parts or what they make are no tokens.
    """
    if isinstance(merges, str | os.PathLike):
        lines = _read(merges, "`merges`").removesuffix("\n").split("\n")
        merges = [line.rstrip("\r") for line in lines[lines[0].startswith("#version") :]]
    merges = list(merges)
    if not merges:
        raise ValueError('`merges` is empty. Expected at least one "a b": without merges, every token is one byte.')
    for number, merge in enumerate(merges):
        parts = merge.split(" ") if isinstance(merge, str) else ()
        if len(parts) != 2 or not all(parts):
            raise ValueError(
                f"Merge {number} must be two tokens with one space between them, as in 'Ġ t'. Received: {merge!r}."
            )
        missing = [token for token in (*parts, "".join(parts)) if token not in ids]
        if missing:
            raise ValueError(
                f"Merge {number}, {merge!r}, needs the token {missing[0]!r}, which the vocabulary of {len(ids)} tokens "
                "lacks. Check that vocabulary and merges belong to the same tokenizer."
            )
    if len(set(merges)) < len(merges):
        merge, count = Counter(merges).most_common(1)[0]
        raise ValueError(f"`merges` has {merge!r} {count} times. Expected each once: remove the repetition.")
    return merges


def read_json(path: str | os.PathLike, name: str) -> dict:
    """The object in the JSON file at `path`; a ValueError calls it `name`."""
    try:
        content = json.loads(_read(path, name))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{os.fspath(path)} is no JSON: {error}. {name} is a JSON file such as a vocab.json."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{os.fspath(path)} must hold a JSON object. It holds a {type(content).__name__}.")
    return content


def _read(path, name):
    path = os.fspath(path)
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise ValueError(f"{name} must be data or the path of a file. Received {path!r}, which is no file.")
    with tf.io.gfile.GFile(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: {error}. Save it as UTF-8.") from error
