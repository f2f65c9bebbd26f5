"""Tokenizers of Hugging Face directories: read with the ids of `transformers.AutoTokenizer`, written for it."""

import json

import pytest
from benchmarks.hard_strings import SPECIAL_TOKENS, hard_strings

from keras_bert_layers.convert.huggingface_tokenizer import read_tokenizer, write_tokenizer
from keras_bert_layers.text import BertTokenizer, BytePairTokenizer

WORDS = ["the", "quick", "##ing", "un", "##aff", "##able", "é", "中", "##国", "!", "?", "foo", "ο", "##ς", "##σ"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
UNCASED = [*SPECIAL_TOKENS, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
CASED = [
    *SPECIAL_TOKENS,
    *WORDS,
    *(letter for letter in LETTERS if letter != "e"),
    *(f"##{letter}" for letter in LETTERS),
]
UNCASED = list(dict.fromkeys(UNCASED))
CASED = [*UNCASED, "The", "Quick", *LETTERS.upper(), *(f"##{letter}" for letter in LETTERS.upper())]
TEXTS = [
    "The quick foo! unaffable? Ünï é e\u0301 ΟΔΟΣ",
    "[MASK] [mask] x[SEP]y [E1][e1] a[E1]b newword NewWord xnewwordy",
    "中国中 国 a中国b",
    "a" * 99 + " " + "a" * 101 + " " + "a" * 250,
    "",
    *hard_strings(200, seed=9, words=["the", "quick", "foo", "[E1]", "NewWord"]),
]
NORMALIZER = {
    "type": "BertNormalizer",
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": None,
    "lowercase": True,
}


def tokenizer_json(vocabulary=UNCASED, added_tokens=(), normalizer=(), model=(), **parts):
    """A tokenizer.json as Hugging Face writes it."""
    core = [
        {"id": vocabulary.index(token), "content": token, "special": True, "normalized": False}
        for token in SPECIAL_TOKENS
        if token in vocabulary
    ]
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": [{**flags, **entry} for entry in (*core, *added_tokens)],
        "normalizer": {**NORMALIZER, **dict(normalizer)},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: position for position, token in enumerate(vocabulary)},
            **dict(model),
        },
        **parts,
    }


def added(content, token_id, special=True, normalized=False, **flags):
    return {
        "id": token_id,
        "content": content,
        "special": special,
        "normalized": normalized,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        **flags,
    }


def without_id(entry):
    return {name: value for name, value in entry.items() if name != "id"}


SIZE, CASED_SIZE = len(UNCASED), len(CASED)
E1, NEW_WORD = added("[E1]", SIZE), added("NewWord", SIZE + 1, special=False, normalized=True)
BERT = {"config.json": {"model_type": "bert"}}
DIRECTORIES = {
    "vocab.txt alone, uncased": {**BERT, "vocab.txt": UNCASED},
    "vocab.txt and do_lower_case": {**BERT, "vocab.txt": CASED, "tokenizer_config.json": {"do_lower_case": False}},
    "case kept with an uncased vocabulary": {
        **BERT,
        "vocab.txt": UNCASED,
        "tokenizer_config.json": {"do_lower_case": False},
    },
    "accents kept": {
        "vocab.txt": UNCASED,
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False},
    },
    "ideographs joined": {
        "vocab.txt": UNCASED,
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizerFast", "tokenize_chinese_chars": False},
    },
    "old files with added tokens": {
        **BERT,
        "vocab.txt": UNCASED,
        "added_tokens.json": {"[E1]": SIZE, "NewWord": SIZE + 1},
        "special_tokens_map.json": {"cls_token": "[CLS]", "additional_special_tokens": ["[E1]"]},
        # Without this, transformers 5 (not 4) takes [E1] for an ordinary added token.
        "tokenizer_config.json": {"do_lower_case": True, "additional_special_tokens": ["[E1]"]},
    },
    "old files with special tokens as dicts": {
        **BERT,
        "vocab.txt": [*UNCASED, "[E1]"],
        "special_tokens_map.json": {
            "mask_token": without_id(added("[MASK]", 4, normalized=True)),
            "additional_special_tokens": ["[E1]"],
        },
    },
    "tokenizer_config.json with added_tokens_decoder": {
        "vocab.txt": UNCASED,
        "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "additional_special_tokens": ["[E1]"],
            "added_tokens_decoder": {
                str(entry["id"]): without_id(entry)
                for entry in (*(added(token, at) for at, token in enumerate(SPECIAL_TOKENS)), E1, NEW_WORD)
            },
        },
    },
    "tokenizer.json and vocab.txt": {
        "vocab.txt": UNCASED,
        "tokenizer.json": tokenizer_json(),
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
    },
    "tokenizer.json with added tokens": {
        "vocab.txt": UNCASED,
        "tokenizer.json": tokenizer_json(added_tokens=[E1, NEW_WORD]),
        "tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True},
    },
    "tokenizer.json alone": {**BERT, "tokenizer.json": tokenizer_json(added_tokens=[E1])},
    "tokenizer.json of a class without pipeline": {
        "tokenizer.json": tokenizer_json(
            CASED,
            normalizer={"lowercase": False, "strip_accents": True, "handle_chinese_chars": False},
            model={"max_input_chars_per_word": 200},
            added_tokens=[added("NewWord", CASED_SIZE, special=False, normalized=True), added("x y", CASED_SIZE + 1)],
        ),
        "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend", "do_lower_case": True},
    },
    "tokenizer_config.json against tokenizer.json": {
        "tokenizer.json": tokenizer_json(CASED),
        "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "strip_accents": None,
            "tokenize_chinese_chars": False,
        },
    },
    "special tokens looked for in cleaned text": {
        "tokenizer.json": tokenizer_json(added_tokens=[added("[E1]", SIZE, normalized=True)]),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
    },
    "special tokens split": {
        "tokenizer.json": tokenizer_json(added_tokens=[E1, NEW_WORD]),
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "split_special_tokens": True},
    },
    "ELECTRA": {
        "config.json": {"model_type": "electra"},
        "vocab.txt": UNCASED,
        "tokenizer.json": tokenizer_json(),
        "tokenizer_config.json": {"tokenizer_class": "ElectraTokenizer", "do_lower_case": True},
    },
}


def write_files(directory, files):
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        if name.endswith(".txt"):
            text = content if isinstance(content, str) else "".join(f"{token}\n" for token in content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def auto_tokenizer(directory):
    """The fast tokenizer of `transformers`, without its framing, padding and truncation."""
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face's library: pip install transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory, local_files_only=True).backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def ids_and_offsets(ours, texts=TEXTS):
    columns = [rows.to_list() for rows in ours.tokenize_with_offsets(texts, unit="character")]
    return [(ids, [*zip(starts, ends, strict=True)]) for ids, starts, ends in zip(*columns, strict=True)]


def ids_and_offsets_of(theirs, texts=TEXTS):
    return [(encoding.ids, encoding.offsets) for encoding in theirs.encode_batch(texts, add_special_tokens=False)]


@pytest.mark.parametrize("files", DIRECTORIES.values(), ids=DIRECTORIES)
def test_a_directory_has_the_ids_and_offsets_of_auto_tokenizer(files, tmp_path):
    directory = write_files(tmp_path / "model", files)
    assert ids_and_offsets(read_tokenizer(directory)) == ids_and_offsets_of(auto_tokenizer(directory))


@pytest.mark.parametrize("name", ["tokenizer.json alone", "tokenizer.json of a class without pipeline"])
def test_a_tokenizer_json_has_the_ids_and_offsets_of_tokenizers(name, tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="needs Hugging Face's tokenizers: pip install tokenizers")
    directory = write_files(tmp_path / "model", DIRECTORIES[name])
    theirs = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    theirs.no_truncation()
    assert ids_and_offsets(read_tokenizer(directory)) == ids_and_offsets_of(theirs)


@pytest.mark.parametrize("arguments", [{}, {"do_lower_case": False}, {"strip_accents": False}, {"extra": True}])
def test_what_transformers_saves_is_read_with_its_ids(arguments, tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face's library: pip install transformers")
    arguments = dict(arguments)
    has_extra = arguments.pop("extra", False)
    vocabulary = {token: position for position, token in enumerate(CASED)}
    theirs = transformers.BertTokenizerFast(vocab=vocabulary, **arguments)
    if has_extra:
        theirs.add_tokens(["NewWord", "foo"])
        theirs.add_special_tokens({"additional_special_tokens": ["[E1]"]})
    theirs.save_pretrained(tmp_path)
    ours = read_tokenizer(tmp_path, vocabulary_size=len(theirs))
    assert ours.vocabulary_size == len(theirs)
    assert ids_and_offsets(ours) == ids_and_offsets_of(theirs.backend_tokenizer)


WRITTEN = {
    "uncased": BertTokenizer(UNCASED, rules="huggingface"),
    "cased": BertTokenizer(CASED, lowercase=False, rules="huggingface"),
    "accents kept": BertTokenizer(UNCASED, strip_accents=False, rules="huggingface"),
    "cased without accents": BertTokenizer(CASED, lowercase=False, strip_accents=True, rules="huggingface"),
    "ideographs joined": BertTokenizer(UNCASED, split_on_cjk=False, rules="huggingface"),
    "another limit": BertTokenizer(UNCASED, max_characters_per_word=200, rules="huggingface"),
    "no mask": BertTokenizer([token for token in UNCASED if token != "[MASK]"], rules="huggingface"),
    "special and added tokens": BertTokenizer(
        ["[E1]", *UNCASED, "special", "NewWord"],
        special_tokens=["[E1]", "special"],
        added_tokens=["NewWord"],
        rules="huggingface",
    ),
    "special tokens in cleaned text": BertTokenizer(
        [*UNCASED, "[E1]"], special_tokens=["[E1]"], added_tokens=["[E1]"], rules="huggingface"
    ),
    "untrusted text": BertTokenizer(UNCASED, special_tokens_in_strings=False, rules="huggingface"),
}
written = pytest.mark.parametrize("tokenizer", WRITTEN.values(), ids=WRITTEN)


@written
def test_auto_tokenizer_gives_the_ids_and_offsets_of_a_written_tokenizer(tokenizer, tmp_path):
    write_tokenizer(tokenizer, tmp_path, max_length=64)
    assert ids_and_offsets_of(auto_tokenizer(tmp_path)) == ids_and_offsets(tokenizer)


@written
def test_a_written_tokenizer_reads_back_equal(tokenizer, tmp_path):
    write_tokenizer(tokenizer, tmp_path)
    assert read_tokenizer(tmp_path).get_config() == tokenizer.get_config()


def test_auto_tokenizer_frames_and_limits_as_told(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face's library: pip install transformers")
    write_tokenizer(WRITTEN["uncased"], tmp_path, max_length=64)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    pair = theirs("the quick", "foo")
    expected = [2, *WRITTEN["uncased"].tokenize("the quick").numpy(), 3, UNCASED.index("foo"), 3]
    assert pair["input_ids"] == expected
    assert pair["token_type_ids"] == [0, 0, 0, 0, 1, 1]
    assert theirs.model_max_length == 64
    assert theirs.mask_token_id == 4


def test_a_tokenizer_of_google_is_written_with_equal_ids_for_ordinary_text(tmp_path):
    tokenizer = BertTokenizer(UNCASED)
    write_tokenizer(tokenizer, tmp_path)
    texts = ["The quick foo, unaffable?", "Café 中国 [MASK]"]
    theirs = [ids for ids, _ in ids_and_offsets_of(auto_tokenizer(tmp_path), texts)]
    assert theirs == tokenizer.tokenize(texts).to_list()


def test_a_byte_pair_tokenizer_is_read_and_written(tmp_path):
    symbols = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "a", "b", "Ġ", "ab", "Ġab"]
    tokenizer = BytePairTokenizer(symbols, ["a b", "Ġ ab"])
    write_tokenizer(tokenizer, tmp_path)
    again = read_tokenizer(tmp_path, vocabulary_size=16)
    assert isinstance(again, BytePairTokenizer)
    assert again.tokenize(["abba ab[MASK]"]).to_list() == tokenizer.tokenize(["abba ab[MASK]"]).to_list()


@pytest.mark.parametrize(
    ("words", "lowercase"),
    [
        (["the", "a"], True),
        (["the", "The"], False),
        (["中", "国"], True),
        ([*(f"w{letter}" for letter in LETTERS), "ß", "ı", "[Unused]", "<S>"], True),
    ],
)
def test_a_vocabulary_alone_says_by_its_capitals_whether_text_is_lowercased(words, lowercase, tmp_path):
    directory = write_files(tmp_path / "model", {"vocab.txt": [*SPECIAL_TOKENS, *words]})
    assert read_tokenizer(directory).lowercase is lowercase


def test_additional_special_tokens_may_be_dicts(tmp_path):
    # transformers 4 wrote these; transformers 5.23 fails at them.
    entry = without_id(added("[E1]", SIZE))
    files = {"vocab.txt": [*UNCASED, "[E1]"], "special_tokens_map.json": {"additional_special_tokens": [entry]}}
    tokenizer = read_tokenizer(write_files(tmp_path / "model", files))
    assert tokenizer.special_tokens == ("[E1]",)
    assert tokenizer.added_tokens == ()


@pytest.mark.parametrize(("size", "fits"), [(None, True), (SIZE, True), (SIZE + 6, True), (SIZE - 1, False)])
def test_a_vocabulary_may_be_smaller_than_the_embeddings_but_not_larger(size, fits, tmp_path):
    directory = write_files(tmp_path / "model", {"vocab.txt": UNCASED})
    if fits:
        assert read_tokenizer(directory, size).vocabulary_size == SIZE
    else:
        with pytest.raises(ValueError, match=rf"has {SIZE} tokens, but the model has embeddings for {SIZE - 1}"):
            read_tokenizer(directory, size)


REFUSED = {
    "nothing": ({}, "has no vocab.txt or tokenizer.json. Copy them"),
    "SentencePiece": ({"spiece.model": "x"}, r"It has spiece\.model, of a SentencePiece model"),
    "vocab.json": ({"vocab.json": {}}, "give them to BytePairTokenizer"),
    "Unigram": ({"tokenizer.json": {"model": {"type": "Unigram", "vocab": []}}}, "is of a Unigram model"),
    "no JSON": ({"tokenizer.json": "{"}, "is no JSON file"),
    "two vocabularies": (
        {"vocab.txt": [*UNCASED[:-1], "other"], "tokenizer.json": tokenizer_json()},
        rf"id {SIZE - 1} is 'other' in vocab\.txt and '##z' in tokenizer\.json",
    ),
    "a longer vocab.txt": (
        {"vocab.txt": [*UNCASED, "other"], "tokenizer.json": tokenizer_json()},
        rf"vocab\.txt has {SIZE + 1} tokens, tokenizer\.json {SIZE}",
    ),
    "a shorter vocab.txt": (
        {"vocab.txt": UNCASED[:-1], "tokenizer.json": tokenizer_json()},
        rf"vocab\.txt has {SIZE - 1} tokens, tokenizer\.json {SIZE}",
    ),
    "a repeated token": ({"vocab.txt": [*UNCASED, "foo"]}, "'foo' more than once"),
    "other names": (
        {"vocab.txt": UNCASED, "special_tokens_map.json": {"cls_token": "<s>"}},
        r"cls_token is '<s>', and BertTokenizer needs '\[CLS\]'",
    ),
    "other names as dicts": (
        {"vocab.txt": UNCASED, "tokenizer_config.json": {"mask_token": {"content": "<mask>", "lstrip": True}}},
        "mask_token is '<mask>'",
    ),
    "no [CLS]": ({"vocab.txt": ["[PAD]", "[UNK]", "[SEP]", "a"]}, r"lacks \[CLS\]"),
    "another unknown token": ({"tokenizer.json": tokenizer_json(model={"unk_token": "<unk>"})}, "unk_token='<unk>'"),
    "another prefix": (
        {"tokenizer.json": tokenizer_json(model={"continuing_subword_prefix": "@@"})},
        "continuing_subword_prefix='@@'",
    ),
    "another normalizer": (
        {"tokenizer.json": tokenizer_json(normalizer={"type": "NFKC"})},
        "normalizer is NFKC, and BertTokenizer can do BertNormalizer only",
    ),
    "several normalizers": (
        {"tokenizer.json": {**tokenizer_json(), "normalizer": {"type": "Sequence", "normalizers": [NORMALIZER] * 2}}},
        "normalizer is Sequence",
    ),
    "no cleaning": ({"tokenizer.json": tokenizer_json(normalizer={"clean_text": False})}, "clean_text is False"),
    "another splitter": (
        {"tokenizer.json": tokenizer_json(pre_tokenizer={"type": "Whitespace"})},
        "pre_tokenizer is Whitespace",
    ),
    "another class": (
        {"vocab.txt": UNCASED, "config.json": {"tokenizer_class": "BertJapaneseTokenizer"}},
        "tokenizer_class='BertJapaneseTokenizer'",
    ),
    "a generic class without its file": (
        {"vocab.txt": UNCASED, "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend"}},
        r"does what tokenizer\.json says, and there is none",
    ),
    "case left open by two files": (
        {"tokenizer.json": tokenizer_json(normalizer={"lowercase": False})},
        r'lowercase=False.*"do_lower_case": false or true',
    ),
    "accents left open by two files": (
        {
            "tokenizer.json": tokenizer_json(normalizer={"strip_accents": False}),
            "tokenizer_config.json": {"do_lower_case": True},
        },
        "strip_accents=False",
    ),
    "case left open by the vocabulary": (
        {"vocab.txt": [*UNCASED, *(f"w{one}{two}" for one in LETTERS for two in LETTERS), "Covid"]},
        r"1 of \d+ words have capital letters",
    ),
    "two ids of one token": (
        {"vocab.txt": UNCASED, "added_tokens.json": {"foo": SIZE}},
        rf"'foo' has the id {SIZE} in added_tokens\.json, and {UNCASED.index('foo')} in another",
    ),
    "a gap in the ids": (
        {"vocab.txt": UNCASED, "added_tokens.json": {"[E1]": SIZE + 1}},
        rf"no token has the id {SIZE}\.",
    ),
    "two tokens of one id": ({"vocab.txt": UNCASED, "added_tokens.json": {"[E1]": 3}}, "two have the id 3"),
    "a special token without id": (
        {"vocab.txt": UNCASED, "special_tokens_map.json": {"additional_special_tokens": ["[E1]"]}},
        r"special token '\[E1\]' is in no vocabulary",
    ),
    "a single word": (
        {"tokenizer.json": tokenizer_json(added_tokens=[added("[E1]", SIZE, single_word=True)])},
        r"'\[E1\]' found as a single word only",
    ),
}


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_named(files, message, tmp_path):
    directory = write_files(tmp_path / "model", files)
    with pytest.raises(ValueError, match=message):
        read_tokenizer(directory)
