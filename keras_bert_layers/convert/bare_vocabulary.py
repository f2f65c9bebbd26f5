"""A tokenizer from a `vocab.txt` alone, as Google's checkpoints have it."""

import re
from collections.abc import Sequence
from pathlib import Path

from keras_bert_layers import text
from keras_bert_layers.convert.huggingface_tokenizer import read_tokenizer

VOCABULARY = "vocab.txt"

_MORE = ("tokenizer.json", "tokenizer_config.json")
_CAPITALS = re.compile(r"(##)?[A-Za-z]*[A-Z][A-Za-z]*")


def read_bare_vocabulary(directory: Path, vocabulary_size: int) -> text.BertTokenizer:
    """The tokenizer of a directory whose only file about it is `vocab.txt`.

    Google's format does not store `do_lower_case`: see `lowercased_by_convention`. Where somebody has added Hugging
    Face's tokenizer.json or tokenizer_config.json, these say it.

    Raises:
        ValueError: if there is no vocabulary, or it has more tokens than the model.
    """
    if any((directory / name).exists() for name in _MORE):
        return read_tokenizer(directory, vocabulary_size)
    path = directory / VOCABULARY
    if not path.exists():
        raise ValueError(
            f"{directory} has no {VOCABULARY}. Copy it from where the checkpoint was pretrained, or pass "
            "tokenizer=False to load the model without."
        )
    tokenizer = text.BertTokenizer(path)
    if tokenizer.vocabulary_size > vocabulary_size:
        raise ValueError(
            f"{path} has {tokenizer.vocabulary_size} tokens, and the model has {vocabulary_size}. Use the {VOCABULARY} "
            "that the model was trained with."
        )
    lowercase = lowercased_by_convention(directory.resolve().name, tokenizer.vocabulary)
    return tokenizer if lowercase else text.BertTokenizer(path, lowercase=False)


def lowercased_by_convention(directory_name: str, vocabulary: Sequence[str]) -> bool:
    """Whether a vocabulary is one of lowercased text.

    Google's names say it: `uncased_L-12_H-768_A-12` is, `cased_L-12_H-768_A-12` and `multi_cased_L-12_H-768_A-12` are
    not. Under a name with neither word, it is unless some token is a word with a capital letter, A to Z.
    """
    name = directory_name.lower()
    if "uncased" in name:
        return True
    return "cased" not in name and not any(map(_CAPITALS.fullmatch, vocabulary))
