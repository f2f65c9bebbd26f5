"""A tokenizer out to the files of a Hugging Face directory."""

import json
from pathlib import Path

from keras_bert_layers import text
from keras_bert_layers.convert.huggingface_tokens import CORE_TOKENS

_HUGGING_FACE_LIMIT = 100


def write_tokenizer(
    tokenizer: "text.BertTokenizer | text.BytePairTokenizer", directory: Path, max_length: int | None = None
) -> None:
    """Writes the files from which `transformers.AutoTokenizer` makes equal ids.

    Of a BertTokenizer these are vocab.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json. Hugging
    Face's files cannot ask for Google's rules: the ids of one that has them are equal but for rare characters (see
    `rules` of BertTokenizer) and, in transformers, words of more than 100 characters.

    Args:
        tokenizer: to be written.
        directory: an existing one; files that are there are replaced.
        max_length: int or None. The longest input of the model, in tokens: `model_max_length`. Defaults to None.

    Example:
        >>> import os, tempfile
        >>> directory = Path(tempfile.mkdtemp())
        >>> write_tokenizer(text.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the"]), directory)
        >>> sorted(os.listdir(directory))
        ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt']
    """
    if not isinstance(tokenizer, text.BertTokenizer):
        tokenizer.write_tokenizer_json(directory)
        return
    tokenizer.save(directory / "vocab.txt")
    _write(directory / "tokenizer.json", _tokenizer_json(tokenizer))
    names = dict(CORE_TOKENS) if tokenizer.mask_id is not None else {**CORE_TOKENS, "mask_token": None}
    given = {name: token for name, token in names.items() if token}
    further = {"additional_special_tokens": list(tokenizer.special_tokens)} if tokenizer.special_tokens else {}
    _write(directory / "special_tokens_map.json", {**given, **further})
    # Of the two classes, only the first is one that older programs know, and only the second heeds another limit.
    follows = tokenizer.rules == "huggingface" and tokenizer.max_characters_per_word != _HUGGING_FACE_LIMIT
    _write(
        directory / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast" if follows else "BertTokenizer",
            "do_lower_case": tokenizer.lowercase,
            "strip_accents": None if tokenizer.strip_accents == tokenizer.lowercase else tokenizer.strip_accents,
            "tokenize_chinese_chars": tokenizer.split_on_cjk,
            **names,
            **further,
            "added_tokens_decoder": {str(entry.pop("id")): entry for entry in _added_tokens(tokenizer)},
            "split_special_tokens": not tokenizer.special_tokens_in_strings,
            "clean_up_tokenization_spaces": True,
            "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
            **({} if max_length is None else {"model_max_length": max_length}),
        },
    )


def _tokenizer_json(tokenizer):
    added = {entry["content"] for entry in _added_tokens(tokenizer)} - set(CORE_TOKENS.values())
    # Added tokens at the end of the vocabulary are none of the WordPiece model, and so are spelled by no other text.
    size = tokenizer.vocabulary_size
    while tokenizer.vocabulary[size - 1] in added:
        size -= 1
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added_tokens(tokenizer),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": tokenizer.split_on_cjk,
            "strip_accents": tokenizer.strip_accents,
            "lowercase": tokenizer.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template(tokenizer),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": tokenizer.max_characters_per_word,
            "vocab": {token: position for position, token in enumerate(tokenizer.vocabulary[:size])},
        },
    }


def _added_tokens(tokenizer) -> list[dict]:
    """The special and the added tokens, in the order of their ids."""
    contents = {tokenizer.id_to_token(token_id) for token_id in tokenizer.special_ids} | set(tokenizer.added_tokens)
    return [
        {
            "id": tokenizer.token_to_id(content),
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": content in tokenizer.added_tokens,
            "special": tokenizer.token_to_id(content) in tokenizer.special_ids,
        }
        for content in sorted(contents, key=tokenizer.token_to_id)
    ]


def _template(tokenizer):
    """[CLS] a [SEP] and [CLS] a [SEP] b [SEP], as BertPreprocessor frames texts."""

    def special(content, segment):
        return {"SpecialToken": {"id": content, "type_id": segment}}

    def sequence(name, segment):
        return {"Sequence": {"id": name, "type_id": segment}}

    single = [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, sequence("B", 1), special("[SEP]", 1)],
        "special_tokens": {
            content: {"id": content, "ids": [tokenizer.token_to_id(content)], "tokens": [content]}
            for content in ("[CLS]", "[SEP]")
        },
    }


def _write(path, content):
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
