"""The tokens of a Hugging Face directory: the vocabulary, and which of them are special or added."""

from collections import Counter
from dataclasses import dataclass

from keras_bert_layers.convert.huggingface_tokenizer_files import TokenizerFiles
from keras_bert_layers.text.vocab_file import read_vocabulary

CORE_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_LISTS = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True)
class Tokens:
    """Args of a BertTokenizer.

    Args:
        vocabulary: in the order of the ids.
        special_tokens: besides the core ones.
        added_tokens: those that are looked for in cleaned text.
    """

    vocabulary: list[str]
    special_tokens: list[str]
    added_tokens: list[str]


def read_tokens(files: TokenizerFiles) -> Tokens:
    """The tokens that `files` list, each with the id and the way of being found that they give it.

    Raises:
        ValueError: if files contradict each other, some id has no token or two, a special token is in no vocabulary or
            not named as BERT names it, or a token is to be found as a single word only.
    """
    ids = _base_vocabulary(files)
    base_size = len(ids)
    found = {}
    for source, token_id, entry in _entries(files):
        content = entry["content"]
        if ids.setdefault(content, token_id) != token_id:
            raise ValueError(
                f"{files.directory}: {content!r} has the id {token_id} in {source}, and {ids[content]} in another "
                "file. Keep the files that belong to the model."
            )
        if entry.get("single_word"):
            raise ValueError(
                f"{files.directory}: {source} has {content!r} found as a single word only (single_word), which is not "
                "done here. Set single_word to false, where words that contain it may be cut."
            )
        found[content] = entry
    for content, entry in _special_tokens(files).items():
        if content not in ids:
            raise ValueError(
                f"{files.directory}: the special token {content!r} is in no vocabulary, so it has no id. Add it to "
                "added_tokens.json with the id that the model was trained with, or take it out of the special tokens."
            )
        found.setdefault(content, entry)
        found[content] = {**found[content], "special": True}
    vocabulary = _listed(ids, files)
    _check_vocabulary_file(files, ids, base_size)
    is_added = {content: bool(entry.get("normalized", not entry.get("special"))) for content, entry in found.items()}
    return Tokens(
        vocabulary,
        special_tokens=[
            content
            for content, entry in found.items()
            if content not in CORE_TOKENS.values() and (entry.get("special") or not is_added[content])
        ],
        added_tokens=[content for content in found if is_added[content]],
    )


def _base_vocabulary(files) -> dict[str, int]:
    """Token -> id, of the WordPiece model alone."""
    if not files.tokenizer:
        tokens = read_vocabulary(files.vocabulary_path)
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(
                f"{files.vocabulary_path} has {repeated[0]!r} more than once. A token has one id: rename all but the "
                "last, which is the one that transformers finds."
            )
        return {token: position for position, token in enumerate(tokens)}
    model = files.tokenizer["model"]
    for setting, expected in (("unk_token", "[UNK]"), ("continuing_subword_prefix", "##")):
        if model.get(setting, expected) != expected:
            raise ValueError(
                f"{files.directory / 'tokenizer.json'} has {setting}={model[setting]!r}, and BertTokenizer has "
                f"{expected!r} only. Load the model with tokenizer=False, and make its ids with transformers."
            )
    return dict(model["vocab"])


def _entries(files):
    """(file, id, entry) of every added token. Of two entries of a token, transformers takes the latter."""
    for entry in files.tokenizer.get("added_tokens") or []:
        yield "tokenizer.json", entry["id"], entry
    for token_id, entry in (files.settings.get("added_tokens_decoder") or {}).items():
        yield "tokenizer_config.json", int(token_id), entry
    listed = {entry["content"] for entry in files.tokenizer.get("added_tokens") or []}
    listed |= {entry["content"] for entry in (files.settings.get("added_tokens_decoder") or {}).values()}
    special = _special_tokens(files)
    for content, token_id in files.added_tokens.items():
        if content not in listed:
            yield "added_tokens.json", token_id, {"content": content, "special": content in special}


def _special_tokens(files) -> dict[str, dict]:
    """Content -> entry of the tokens that are named as special."""
    special = {}
    for names in (files.special_tokens, files.settings):
        for name, value in names.items():
            if name in _LISTS and value:
                values = value.values() if isinstance(value, dict) else value
            elif name.endswith("_token") and isinstance(value, str | dict):
                values = [value]
            else:
                continue
            for token in values:
                entry = {"content": token} if isinstance(token, str) else token
                if entry["content"] != CORE_TOKENS.get(name, entry["content"]):
                    raise ValueError(
                        f"{files.directory}: {name} is {entry['content']!r}, and BertTokenizer needs "
                        f"{CORE_TOKENS[name]!r} under exactly this name. Load the model with tokenizer=False, and make "
                        "its ids with transformers."
                    )
                special.setdefault(entry["content"], {**entry, "special": True})
    return special


def _listed(ids, files):
    tokens = sorted(ids, key=ids.get)
    for position, token in enumerate(tokens):
        if ids[token] != position:
            what = f"no token has the id {position}" if ids[token] > position else f"two have the id {ids[token]}"
            raise ValueError(
                f"{files.directory}: of the {len(tokens)} tokens {what}. Every id from 0 on needs one token: add "
                'tokens such as "[unused0]" for ids that the model does not use.'
            )
    return tokens


def _check_vocabulary_file(files, ids, base_size):
    """vocab.txt, which need not have the added tokens, says nothing else than tokenizer.json."""
    if not files.tokenizer or not files.vocabulary_path.exists():
        return
    lines = files.vocabulary_path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    tokens = sorted(ids, key=ids.get)
    if lines != tokens[: len(lines)] or len(lines) < base_size:
        at = next((at for at, pair in enumerate(zip(lines, tokens, strict=False)) if pair[0] != pair[1]), None)
        if at is None:
            difference = f"vocab.txt has {len(lines)} tokens, tokenizer.json {len(tokens)}"
        else:
            difference = f"id {at} is {lines[at]!r} in vocab.txt and {tokens[at]!r} in tokenizer.json"
        raise ValueError(
            f"{files.directory}: {difference}. Delete the file that does not belong to the model; transformers follows "
            "tokenizer.json."
        )
