"""Reading, checking and writing `vocab.txt`, one token a line."""

import os
from collections import Counter
from collections.abc import Iterable

import tensorflow as tf

REQUIRED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def read_vocabulary(path: str | os.PathLike) -> list[str]:
    """The tokens of a vocabulary file; a token's id is its line, counted from 0.

    Args:
        path: a local path or one that `tf.io.gfile` reads (`gs://...`). UTF-8; lines end with a line feed.

    Raises:
        ValueError: if there is no such file, it is no UTF-8, or a line ends with a space, a tab or a carriage return.
    """
    path = os.fspath(path)
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise ValueError(
            f"`vocabulary` must be a sequence of tokens or the path of a vocabulary file, one token a line. "
            f"Received {path!r}, which is no file. Pass the path of the vocab.txt that belongs to the checkpoint."
        )
    with tf.io.gfile.GFile(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: {error}. Save the vocabulary as UTF-8.") from error
    # Only a line feed ends a line: real vocabularies hold U+2028 as a token, at which `splitlines` would break.
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, start=1):
        if line != line.rstrip(" \t\r"):
            raise ValueError(
                f"Line {number} of {path} ends with white space: {line!r}. A token is the whole line, so "
                "this one could never match. Remove the trailing spaces, and end lines with a line feed (not CRLF)."
            )
    return lines


def check_vocabulary(tokens: Iterable[str], special_tokens: Iterable[str] = ()) -> list[str]:
    """`tokens` as a list, if a BERT tokenizer can be made of them.

    Raises:
        ValueError: if there are none, one is not a string or empty, one occurs twice, or a special token is missing.
    """
    tokens = list(tokens)
    if not tokens:
        raise ValueError("The vocabulary is empty. Expected at least " + " ".join(REQUIRED_TOKENS) + " and some words.")
    for position, token in enumerate(tokens):
        if not isinstance(token, str) or not token:
            raise ValueError(f"Every token must be a string of at least one character. Token {position} is {token!r}.")
    repeated = [token for token, count in Counter(tokens).items() if count > 1]
    if repeated:
        positions = [position for position, token in enumerate(tokens) if token == repeated[0]]
        raise ValueError(
            f"{len(repeated)} token(s) occur more than once, the first one {repeated[0]!r} at {positions}. "
            "A token has one id: remove the repetitions (and check that the checkpoint's ids still fit)."
        )
    missing = [token for token in (*REQUIRED_TOKENS, *special_tokens) if token not in set(tokens)]
    if missing:
        raise ValueError(
            f"The vocabulary of {len(tokens)} tokens lacks {', '.join(missing)}. BertTokenizer needs these tokens "
            "under exactly these names; add them, or check that this is a BERT (WordPiece) vocabulary."
        )
    return tokens


def write_vocabulary(tokens: Iterable[str], path: str | os.PathLike) -> None:
    """Writes `tokens` so that `path` holds the whole file or what stood there before, never a part of it.

    Raises:
        ValueError: if a token contains a line break, which the format cannot hold.
    """
    path, tokens = os.fspath(path), list(tokens)
    for token in tokens:
        if "\n" in token or token != token.rstrip(" \t\r"):
            raise ValueError(
                f"A vocabulary file cannot hold the token {token!r}: it has a line break or ends in space."
            )
    temporary = f"{path}.{os.getpid()}.tmp"
    with tf.io.gfile.GFile(temporary, "wb") as file:
        file.write("".join(f"{token}\n" for token in tokens).encode())
    tf.io.gfile.rename(temporary, path, overwrite=True)
