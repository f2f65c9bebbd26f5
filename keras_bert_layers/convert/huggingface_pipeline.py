"""How a Hugging Face directory has text cleaned and split into words."""

import unicodedata

from keras_bert_layers.convert.huggingface_tokenizer_files import TokenizerFiles

# Classes of transformers that build BERT's pipeline from tokenizer_config.json, whatever tokenizer.json says of it.
_BERT_CLASSES = (
    "Bert",
    "ConvBert",
    "DistilBert",
    "Electra",
    "LayoutLM",
    "Lxmert",
    "MobileBert",
    "Realm",
    "SqueezeBert",
)
# Classes that do what tokenizer.json says.
_GENERIC_CLASSES = ("PreTrainedTokenizer", "TokenizersBackend")
# Settings as in tokenizer_config.json, as in tokenizer.json, and what transformers assumes.
_SETTINGS = (
    ("do_lower_case", "lowercase", True),
    ("strip_accents", "strip_accents", None),
    ("tokenize_chinese_chars", "handle_chinese_chars", True),
)
_CASED_SHARE = 0.01


def read_pipeline(files: TokenizerFiles, vocabulary: list[str]) -> dict:
    """`lowercase`, `strip_accents`, `split_on_cjk` and `max_characters_per_word` of a BertTokenizer.

    Raises:
        ValueError: if the files ask for another pipeline than BERT's, or leave open whether text is lowercased.
    """
    name = (files.tokenizer_class or "BertTokenizer").removesuffix("Fast")
    normalizer = _normalizer_of_json(files)
    if name in _GENERIC_CLASSES:
        if not files.tokenizer:
            raise ValueError(
                f"{files.directory}: {name} does what tokenizer.json says, and there is none. Copy it from where the "
                'model was trained, or, if it is a BERT, write "tokenizer_class": "BertTokenizer" and "do_lower_case" '
                "into tokenizer_config.json."
            )
        chosen = normalizer
    elif name.removesuffix("Tokenizer") in _BERT_CLASSES:
        chosen = _of_bert_class(files, normalizer, vocabulary)
    else:
        raise ValueError(
            f"{files.directory} has tokenizer_class={name!r}. Read here are those of {', '.join(_BERT_CLASSES)}, "
            f"{' and '.join(_GENERIC_CLASSES)}. Load the model with tokenizer=False; make its ids with transformers."
        )
    model = files.tokenizer.get("model") or {}
    return {
        "lowercase": bool(chosen["lowercase"]),
        "strip_accents": chosen["strip_accents"],
        "split_on_cjk": bool(chosen["handle_chinese_chars"]),
        "max_characters_per_word": model.get("max_input_chars_per_word", 100),
    }


def _of_bert_class(files, normalizer, vocabulary):
    chosen = {in_json: files.settings.get(setting, default) for setting, in_json, default in _SETTINGS}
    if "do_lower_case" not in files.settings and normalizer is None:
        chosen["lowercase"] = _is_lowercased(files, vocabulary)
    for setting, in_json, _ in _SETTINGS:
        if normalizer is not None and setting not in files.settings:
            assumed, said = _effect(chosen, in_json), _effect(normalizer, in_json)
            if assumed != said:
                raise ValueError(
                    f"{files.directory}: tokenizer.json has {in_json}={said}, but tokenizer_config.json does not say "
                    f"{setting}, and so transformers takes it to be {assumed}. Write what the model was trained with "
                    f'into tokenizer_config.json: "{setting}": {str(said).lower()} or {str(assumed).lower()}.'
                )
    return chosen


def _effect(settings, name):
    value = settings[name]
    return bool(settings["lowercase"]) if name == "strip_accents" and value is None else bool(value)


def _normalizer_of_json(files):
    """The settings of the normalizer in tokenizer.json; None if there is no such file."""
    if not files.tokenizer:
        return None
    path = files.directory / "tokenizer.json"
    normalizer, pre_tokenizer = (_single(files.tokenizer.get(part)) for part in ("normalizer", "pre_tokenizer"))
    for part, found, expected in (
        ("normalizer", normalizer.get("type"), "BertNormalizer"),
        ("pre_tokenizer", pre_tokenizer.get("type"), "BertPreTokenizer"),
        ("normalizer.clean_text", normalizer.get("clean_text", True), True),
    ):
        if found != expected:
            raise ValueError(
                f"{path}: {part} is {found}, and BertTokenizer can do {expected} only. Load the model with "
                "tokenizer=False, and make its ids with transformers."
            )
    return {in_json: normalizer.get(in_json, default) for _, in_json, default in _SETTINGS}


def _single(part):
    """A part of the pipeline, out of a sequence that has this one only."""
    part = part or {}
    if part.get("type") == "Sequence":
        parts = part.get("normalizers") or part.get("pretokenizers") or []
        return parts[0] if len(parts) == 1 else part
    return part


def _is_lowercased(files, vocabulary):
    words = [token.removeprefix("##") for token in vocabulary]
    words = [word for word in words if word.isalpha() and word.lower() != word.upper()]
    capitals = sum(any(unicodedata.category(letter) == "Lu" for letter in word) for word in words)
    if 0 < capitals < _CASED_SHARE * len(words):
        raise ValueError(
            f"{files.directory}: no file says whether the tokenizer lowercases text, and its vocabulary leaves it open "
            f'({capitals} of {len(words)} words have capital letters). Write "do_lower_case": true or false into '
            "tokenizer_config.json."
        )
    return capitals == 0
