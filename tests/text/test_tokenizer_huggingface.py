"""BertTokenizer(rules="huggingface") gives the ids and offsets of Hugging Face's `tokenizers`."""

import numpy as np
import pytest
from benchmarks.hard_strings import SPECIAL_TOKENS, hard_strings
from bert_tokenization_strings import HARD_STRINGS, character_vocabulary

from keras_bert_layers.text import BertTokenizer

WORDS = ["the", "quick", "Quick", "##ing", "un", "##aff", "##able", "don", "https", "中国", "한국", "foo", "##foo"]
SETTINGS = {
    "uncased": {},
    "cased": {"lowercase": False},
    "accents kept": {"strip_accents": False},
    "only accents stripped": {"lowercase": False, "strip_accents": True},
    "ideographs joined": {"split_on_cjk": False},
}
settings = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


def both(vocabulary, lowercase=True, strip_accents=None, split_on_cjk=True, added_tokens=()):
    """Our tokenizer, and the pipeline of `transformers.BertTokenizerFast` with the same settings."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs Hugging Face's tokenizers: pip install tokenizers")
    ids = {token: position for position, token in enumerate(vocabulary) if token not in added_tokens}
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=split_on_cjk, strip_accents=strip_accents, lowercase=lowercase
    )
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    theirs.add_special_tokens([tokenizers.AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    theirs.add_tokens(list(added_tokens))
    ours = BertTokenizer(
        vocabulary, lowercase, strip_accents, (), True, None, "huggingface", split_on_cjk, added_tokens
    )
    return ours, theirs


def vocabulary_of(texts, normalize):
    """Every character that can become of `texts`, alone and inside a word, so that no difference hides in [UNK]."""
    characters = {form for text in texts for form in text + normalize(text)}
    alone = sorted(character for character in characters if not character.isspace())
    return list(dict.fromkeys([*SPECIAL_TOKENS, *alone, *(f"##{character}" for character in alone), *WORDS]))


def differences(ours, theirs, texts):
    """The texts with other ids or other offsets in characters."""
    encodings = theirs.encode_batch(texts, add_special_tokens=False)
    columns = [rows.to_list() for rows in ours.tokenize_with_offsets(texts, unit="character")]
    return [
        (text, encoding.tokens, encoding.offsets, ids, starts, ends)
        for text, encoding, ids, starts, ends in zip(texts, encodings, *columns, strict=True)
        if ids != encoding.ids or [*zip(starts, ends, strict=True)] != encoding.offsets
    ]


@settings
def test_hard_and_generated_strings_have_the_ids_and_offsets_of_hugging_face(setting):
    texts = [*HARD_STRINGS.values(), *hard_strings(1500, seed=1, words=WORDS)]
    _, theirs = both(SPECIAL_TOKENS, **setting)
    vocabulary = vocabulary_of(texts, theirs.normalizer.normalize_str)
    assert differences(*both(vocabulary, **setting), texts) == []


@pytest.mark.parametrize("setting", [SETTINGS["uncased"], SETTINGS["cased"]], ids=["uncased", "cased"])
def test_twenty_thousand_generated_strings_have_the_ids_and_offsets_of_hugging_face(setting):
    texts = list(hard_strings(20_000, seed=2, words=WORDS))
    _, theirs = both(SPECIAL_TOKENS, **setting)
    vocabulary = vocabulary_of(texts, theirs.normalizer.normalize_str)
    assert differences(*both(vocabulary, **setting), texts) == []


@pytest.mark.long
@settings
@pytest.mark.parametrize("first", [*range(0, 0x34000, 0x4000), 0xE0000, 0xF0000, 0x10C000], ids=hex)
def test_every_character_has_the_ids_and_offsets_of_hugging_face(first, setting):
    block = range(max(first, 1), first + 0x4000)
    characters = [chr(code_point) for code_point in block if not 0xD800 <= code_point < 0xE000]
    if not characters:
        pytest.skip("a block of surrogates only, which are no characters")
    _, theirs = both(SPECIAL_TOKENS, **setting)
    vocabulary = vocabulary_of([*characters, "ab"], theirs.normalizer.normalize_str)
    texts = [f"{character} a{character}b {character}{character}" for character in characters]
    assert differences(*both(vocabulary, **setting), texts) == []


def test_characters_on_which_google_and_hugging_face_differ_have_the_ids_and_offsets_of_hugging_face():
    code_points = [0x61D, 0x890, 0x8D4, 0x8E1, 0x1734, 0x166D, 0x180F, 0x1885, 0x1C89, 0x1DFB, 0x2E43, 0x2E5D, 0xA7DC]
    code_points += [0xE000, 0xF8FF, 0x10D50, 0x111C9, 0x11938, 0x11C3F, 0x13430, 0x16EA0, 0x2B81F, 0x2B820, 0x2B91F]
    code_points += [0x2B920, 0x30000, 0xF0000, 0xFFFFD, 0xFFFFE, 0x10FFFD, 0x10FFFF, ord("Σ"), ord("İ")]
    texts = [pattern.format(chr(code)) for code in code_points for pattern in ("{0}", "a{0}b", "{0}{0}", "e\u0301{0}")]
    _, theirs = both(SPECIAL_TOKENS)
    vocabulary = vocabulary_of(texts, theirs.normalizer.normalize_str)
    assert differences(*both(vocabulary), texts) == []


@pytest.mark.parametrize(
    ("text", "tokens", "offsets"),
    [
        ("ΟΔΟΣ", ["ο", "##δ", "##ο", "##σ"], [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ("e\u0301 a\u200b", ["e", "a"], [(0, 1), (3, 4)]),
        ("a\ue000b", ["a", "##b"], [(0, 1), (2, 3)]),
        ("a\U0002b820", ["a", "##\U0002b820"], [(0, 1), (1, 2)]),
        ("a⹃a", ["a", "##⹃", "##a"], [(0, 1), (1, 2), (2, 3)]),
        ("a\u302e\ua953", ["a", "##\ua953", "##\u302e"], [(0, 1), (1, 2), (2, 3)]),
        ("a" * 100, ["a", *["##a"] * 99], [(at, at + 1) for at in range(100)]),
        ("a" * 101, ["[UNK]"], [(0, 101)]),
        ("[MASK\x1e]\ua953", ["[UNK]"] * 4, [(0, 1), (1, 5), (6, 7), (7, 8)]),
    ],
)
def test_what_hugging_face_does_is_done_without_it(text, tokens, offsets):
    characters = ["ο", "δ", "σ", "e", "a", "b", "\U0002b820", "⹃", "\u302e", "\ua953"]
    vocabulary = [*SPECIAL_TOKENS, *characters[:7], *(f"##{character}" for character in characters)]
    tokenizer = BertTokenizer(vocabulary, rules="huggingface")
    ids, starts, ends = (column.numpy().tolist() for column in tokenizer.tokenize_with_offsets(text, unit="character"))
    assert [tokenizer.id_to_token(token_id) for token_id in ids] == tokens
    assert [*zip(starts, ends, strict=True)] == offsets


@settings
def test_added_tokens_are_found_where_hugging_face_finds_them(setting):
    added = ["Covid", "new york", "中国", "<e>", "fo", "foo", "Ünï"]
    texts = [
        "covids COVID-19 xCovidy",
        "New York new  york",
        "我爱中国人 中 国",
        "<e>a<E>b",
        "foofo xfoo",
        "ünï uni ÜNÏx",
    ]
    texts += [*hard_strings(300, seed=4, words=[*added, *WORDS])]
    _, theirs = both(SPECIAL_TOKENS, **setting)
    known = vocabulary_of([*texts, *added], theirs.normalizer.normalize_str)
    vocabulary = [token for token in known if token not in added]
    assert differences(*both([*vocabulary, *added], **setting, added_tokens=added), texts) == []


def test_a_special_token_that_is_an_added_token_too_is_looked_for_in_cleaned_text():
    tokenizer = BertTokenizer(
        [*SPECIAL_TOKENS, "x", "<E>"], special_tokens=["<E>"], added_tokens=["<E>"], rules="huggingface"
    )
    assert tokenizer.tokenize("x<e>x <E>").numpy().tolist() == [5, 6, 5, 6]
    assert tokenizer.special_ids == (0, 1, 2, 3, 4, 6)


def test_special_and_added_tokens_are_not_spelled_by_other_text():
    vocabulary = [*SPECIAL_TOKENS, "x", "special", "added"]
    tokenizer = BertTokenizer(
        vocabulary, special_tokens=["special"], added_tokens=["added"], special_tokens_in_strings=False
    )
    assert tokenizer.tokenize("x special x added Special").numpy().tolist() == [5, 1, 5, 7, 1]


@pytest.mark.parametrize(
    "octets", [b"a\xffb", b"\xc3", b"a\xe4\xb8 b", b"\xf0\x9f\x98", b"\xed\xa0\x80a", b"\x80a\xf5"]
)
def test_invalid_utf8_is_dropped(octets):
    tokenizer = BertTokenizer([*SPECIAL_TOKENS, "a", "b", "##b"], rules="huggingface")
    expected = tokenizer.tokenize(octets.decode("utf-8", "ignore")).numpy().tolist()
    for text in (octets, octets + b" [MASK]"):
        ids, starts, ends = (column.numpy() for column in tokenizer.tokenize_with_offsets(text))
        assert ids.tolist()[: len(expected)] == expected
        assert (starts < ends).all()
        assert (ends <= len(text)).all()


def test_broken_bytes_do_not_hide_inside_a_special_token():
    tokenizer = BertTokenizer([*SPECIAL_TOKENS, "a"], rules="huggingface")
    assert tokenizer.mask_id not in tokenizer.tokenize([b"[MASK\xff]\xea\xa5\x93", b"[MASK\xff] [SEP]"]).values


def test_one_long_text_in_a_batch_takes_no_memory_for_the_others():
    tokenizer = BertTokenizer([*SPECIAL_TOKENS, "a", "é"], strip_accents=False, rules="huggingface")
    texts = [*["[SEP]"] * 50_000, "é a " * 100_000]
    ids, starts, _ = tokenizer.tokenize_with_offsets(texts, unit="character")
    assert ids.row_lengths().numpy()[-1] == 200_000
    np.testing.assert_array_equal(starts[-1].numpy(), np.arange(0, 400_000, 2))


def test_a_google_tokenizer_refuses_joined_ideographs():
    with pytest.raises(ValueError, match=r'split_on_cjk=False with rules="huggingface"'):
        BertTokenizer(character_vocabulary(), split_on_cjk=False)


def test_rules_have_a_known_name():
    with pytest.raises(ValueError, match=r"one of 'google', 'huggingface'\. Received: 'bert'"):
        BertTokenizer(character_vocabulary(), rules="bert")
