"""A byte-level BPE in Hugging Face's files: `tokenizer.json`, with `tokenizer_config.json` beside it."""

import json
import os

import tensorflow as tf

from keras_bert_layers.text.byte_pair_vocabulary import read_json
from keras_bert_layers.text.byte_symbols import BYTE_SYMBOLS

_NAMES = {
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "mask_token": ("[MASK]", "<mask>"),
}
_NOT_DONE = {"dropout": 0, "continuing_subword_prefix": "", "end_of_word_suffix": "", "ignore_merges": False}


def read(path: str | os.PathLike) -> dict:
    """The arguments of a BytePairTokenizer that does what a `tokenizer.json` asks for.

    Args:
        path: the file, or the directory that it is in.

    Raises:
        ValueError: if it asks for anything else, which is named.
    """
    path = os.fspath(path)
    if tf.io.gfile.isdir(path):
        path = os.path.join(path, "tokenizer.json")
    content = read_json(path, "`path`")
    model, pre_tokenizer = content.get("model") or {}, content.get("pre_tokenizer") or {}
    _expect(path, "model", model.get("type"), ["BPE"], "For a WordPiece model: BertTokenizer and its vocab.txt.")
    for name, value in _NOT_DONE.items():
        _expect(path, f"model.{name}", model.get(name) or value, [value])
    normalizer = content.get("normalizer") or {}
    if normalizer.get("type") == "Sequence" and len(normalizer["normalizers"]) == 1:
        normalizer = normalizer["normalizers"][0]
    _expect(path, "normalizer", normalizer.get("type"), [None, "NFC"])
    _expect(path, "pre_tokenizer", pre_tokenizer.get("type"), ["ByteLevel"])
    _expect(path, "pre_tokenizer.use_regex", pre_tokenizer.get("use_regex", True), [True])
    _expect(path, "decoder", (content.get("decoder") or {}).get("type"), [None, "ByteLevel"])

    vocabulary = dict(model["vocab"])
    added_tokens = []
    for token in content.get("added_tokens") or []:
        entry = {name: token[name] for name in ("content", "special", "normalized", "lstrip", "rstrip")}
        _expect(path, f"single_word of the added token {token['content']!r}", token.get("single_word", False), [False])
        _expect(
            path,
            f"the id of the added token {token['content']!r}",
            token["id"],
            [vocabulary.setdefault(token["content"], token["id"])],
        )
        added_tokens.append(entry)
    config = os.path.join(os.path.dirname(path), "tokenizer_config.json")
    config = read_json(config, "tokenizer_config.json") if tf.io.gfile.exists(config) else {}
    names = {name: _name(config.get(name), guesses, vocabulary) for name, guesses in _NAMES.items()}
    missing = [symbol for symbol in BYTE_SYMBOLS if symbol not in model["vocab"]]
    if missing:
        expected = f"its vocabulary lacks the bytes {' '.join(missing[:8])} ..., which become {names['unk_token']} here"
        _expect(path, "model.unk_token", model.get("unk_token"), [names["unk_token"]], expected)
        _expect(path, "model.fuse_unk", model.get("fuse_unk", False), [False], expected)
    return {
        "vocabulary": vocabulary,
        "merges": [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]],
        **names,
        "added_tokens": added_tokens,
        "nfc": normalizer.get("type") == "NFC",
        "add_prefix_space": pre_tokenizer.get("add_prefix_space", True),
        "special_tokens_in_strings": not config.get("split_special_tokens", False),
    }


def write(tokenizer, directory: str | os.PathLike) -> None:
    """Writes a BytePairTokenizer as the two files; each is complete or not there."""
    ids = {token: token_id for token_id, token in enumerate(tokenizer.vocabulary)}
    is_complete = all(symbol in ids for symbol in BYTE_SYMBOLS)
    frame = {
        "type": "ByteLevel",
        "add_prefix_space": tokenizer.add_prefix_space,
        "trim_offsets": True,
        "use_regex": True,
    }
    added_tokens = [
        {"id": ids[token.content], **vars(token), "single_word": False}
        for token in sorted(tokenizer.added_tokens, key=lambda token: ids[token.content])
    ]
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None if is_complete else tokenizer.unk_token,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": ids,
        "merges": [merge.split(" ") for merge in tokenizer.merges],
    }
    special = {name: getattr(tokenizer, name) for name in _NAMES if getattr(tokenizer, name) is not None}
    _write_json(
        directory,
        "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added_tokens,
            "normalizer": {"type": "NFC"} if tokenizer.nfc else None,
            "pre_tokenizer": frame,
            "post_processor": _template(tokenizer),
            "decoder": frame,
            "model": model,
        },
    )
    _write_json(
        directory,
        "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **special,
            "clean_up_tokenization_spaces": False,
            "split_special_tokens": not tokenizer.special_tokens_in_strings,
            "model_input_names": ["input_ids", "attention_mask"],
        },
    )


def _template(tokenizer):
    """[CLS] a [SEP] and [CLS] a [SEP] b [SEP], as BertPreprocessor frames texts."""
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in (tokenizer.cls_token, tokenizer.sep_token))
    first, second = ({"Sequence": {"id": name, "type_id": type_id}} for name, type_id in (("A", 0), ("B", 1)))
    end = {"SpecialToken": {"id": tokenizer.sep_token, "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [cls, first, sep],
        "pair": [cls, first, sep, second, end],
        "special_tokens": {
            name: {"id": name, "ids": [tokenizer.token_to_id(name)], "tokens": [name]}
            for name in (tokenizer.cls_token, tokenizer.sep_token)
        },
    }


def _name(given, guesses, vocabulary):
    if given is not None:
        return given if isinstance(given, str) else given["content"]
    return next((guess for guess in guesses if guess in vocabulary), None)


def _expect(path, what, value, supported, hint=""):
    if value not in supported:
        choices = " or ".join(json.dumps(choice) for choice in supported)
        raise ValueError(f"{path}: {what} is {json.dumps(value)}. BytePairTokenizer can do {choices}. {hint}".rstrip())


def _write_json(directory, name, content):
    path = os.path.join(os.fspath(directory), name)
    tf.io.gfile.makedirs(os.path.dirname(path))
    temporary = f"{path}.{os.getpid()}.tmp"
    with tf.io.gfile.GFile(temporary, "wb") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2).encode())
    tf.io.gfile.rename(temporary, path, overwrite=True)
