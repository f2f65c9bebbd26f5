"""Byte-pair tokenizers to test with, strings that are hard for them, and a generator of more."""

import json
import random
from functools import cache

import pytest
from bert_tokenization_strings import HARD_STRINGS, generated_strings

from keras_bert_layers.text import BytePairTokenizer
from keras_bert_layers.text.byte_symbols import BYTE_SYMBOLS

SPECIAL_TOKENS = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"]
MERGES = ["a b", "ab c", "Ġ ab", "l o", "Ġ lo", "w e"]
VOCABULARY = [*BYTE_SYMBOLS, *("".join(merge.split(" ")) for merge in MERGES), *SPECIAL_TOKENS, "   ", "<mail>"]
ADDED_TOKENS = ["   ", "<mail>", {"content": "[MASK]", "special": True, "lstrip": True}]

# What a byte-level tokenizer may trip over, beside the strings that are hard for any.
HARD = {
    **HARD_STRINGS,
    "spaces before words": " a  b   c    d",
    "spaces at the ends": "  lo we  ",
    "more spaces than the longest token of spaces": "a" + " " * 51 + "b",
    "other white space before words": "a\tb\t\tc \td\t e\n\nf \n g\r\nh\n",
    "white space of Unicode before words": "a\xa0b \xa0c\u3000 d\u2028\u2029e \x85",
    "contractions": "it's I'll we've I'M don't 's  's '' ''re!'s\n'd",
    "apostrophes of other kinds": "it’s ‘tis'",
    "numbers of all kinds": "1234 ٣٤ ² ½ Ⅷ ㊿ 3.14 x2y 1st",
    "digit six of Devanagari and J with circumflex": "६ a६b Ĵ ĴA ६६ Ĵ६",
    "noncharacters": "a\U0010ffff b\U0010fffe\x00\U0010ffff\U000ffffe",
    "U+0000 beside others": "\x00a \x00 b!\x00!1\x00 \x00\x00[MASK]\x00",
    "special tokens with white space": "a  [MASK]  b [CLS] \n[MASK]\n[SEP] ",
    "added tokens": "<|padding|>|||IP_ADDRESS|||[unused1][unused11] |||[unused1",
    "added token before a mark that composes": "<|padding|>\u0338 [unused1]\u0301 ]\u0338",
    "long word": "lorem" * 300,
}
PIECES = [
    *HARD.values(),
    *(
        " ",
        "  ",
        "   ",
        "\n",
        "\t",
        "\xa0",
        "'s",
        "'",
        "1",
        "½",
        "é",
        "e\u0301",
        "\u0338",
        "\x00",
        "६",
        "!",
        "word",
        " the",
    ),
    *("[MASK]", " [MASK] ", "[SEP]", "[unused1]", "|||", "|||IP_ADDRESS|||", "<|padding|>"),
]
SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all.",
    "In 1923 the river rose by 4.5 metres; nobody had seen it so high before.",
    "Übung macht den Meister: größer, höher, weiter – naïve café au lait.",
    "for i in range(10):\n    print(i)\n\n\tif not x: return\r\n",
    "我喜欢模型。日本語と한국어 и русский текст, עברית 👍🏽",
]


def hard_strings(count, seed):
    draw = random.Random(seed)
    pieces = [piece for piece in PIECES if len(piece) < 200]
    mixed = ["".join(draw.choices(pieces, k=draw.randrange(8))) for _ in range(count // 2)]
    return mixed + generated_strings(count - len(mixed), seed)


@cache
def trained():
    """A small tokenizer of the `tokenizers` library, laid out as ModernBERT's."""
    tokenizers = pytest.importorskip("tokenizers", reason="not installed: pip install tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.normalizer = tokenizers.normalizers.NFC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=list(BYTE_SYMBOLS), special_tokens=["<|padding|>"], show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 2, trainer)
    added = tokenizers.AddedToken
    tokenizer.add_tokens([added(" " * count, normalized=True) for count in range(24, 1, -1)])
    tokenizer.add_tokens(["|||IP_ADDRESS|||", "|||EMAIL_ADDRESS|||"])
    tokenizer.add_special_tokens([added(name, lstrip=name == "[MASK]", normalized=False) for name in SPECIAL_TOKENS])
    tokenizer.add_tokens([f"[unused{number}]" for number in range(12)])
    return tokenizer


def changed(change):
    """The trained tokenizer with `change` made to its JSON, theirs and ours."""
    tokenizers = pytest.importorskip("tokenizers", reason="not installed: pip install tokenizers")
    content = json.loads(trained().to_str())
    change(content)
    return tokenizers.Tokenizer.from_str(json.dumps(content)), content


def ours_from(content, directory, **arguments):
    (directory / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return BytePairTokenizer.from_tokenizer_json(directory, **arguments)


def set_flags(content, flag, *contents, value=True):
    for token in content["added_tokens"]:
        if token["content"] in contents:
            token[flag] = value
