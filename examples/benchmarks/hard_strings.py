"""Strings that are hard to tokenize, as many as wanted: for comparing two tokenizers."""

import random
import unicodedata
from collections.abc import Iterator, Sequence

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

SPACES = "\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u180e\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000 "
INVISIBLE = "\0\1\x08\x7f\x80\x9f\u00ad\u034f\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\ufeff\ufffd"
IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2CEB0, 0x2EBEF),
    (0x2F800, 0x2FA1F),
    (0x30000, 0x323AF),
)
_SPACED_PIECES = {
    "accents": "é e\u0301 ệ e\u0323\u0302 ǖ n\u0303 Å \u212b A\u030a ṩ s\u0307\u0323 ß ẞ Ḱ",
    "case": "İ ı I\u0307 ſ \u212a \u2126 ΟΔΟΣ Σ ΑΣ\u0301 σς Ǆ ǅ Ꭰ ꭰ 𐐀 𞤀 ᏸ Ა ა",
    "ligatures": "ﬁ ﬃ ﬆ ŉ ĳ ﷺ ½ ² ™ Ⅷ Ⓐ ㎏ Ａ ， ！ … ‼",
    "hangul": "한 각 한국어 \u1112\u1161\u11ab ᄀ ㄱ 힣",
    "emoji": "👩\u200d👩\u200d👧 👍🏽 🇩🇪 ✈️ 🤣 🫠 1️⃣ 🏴\U000e0067\U000e0062\U000e007f",
    "right to left": "שָׁלוֹם עליכם العَرَبِيَّة \u200fab\u202bcd\u202c ﷲ لا ﻻ",
    "scripts": "नमस्ते தமிழ் สวัสดีำ ক্ষ မြန်မာ ភាសា ᮔ᮪ ꦗꦮ꧀ 日本語 ドキュメント ﾊﾝｶｸ ギ キ\u3099",
    "special": "[PAD] [UNK] [CLS] [SEP] [MASK] [sep] [Mask] [MASK MASK] [[CLS]] [unused1] <s> [CLS][SEP]",
    "words": "the Quick un affable don't U.S.A. 3.14 x86_64 https://a.b/c?d=e C++",
}
PIECES = {kind: pieces.split() for kind, pieces in _SPACED_PIECES.items()}
PIECES["punctuation"] = [*"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«—’・。、׃؟⸺᙭", "##", "##ing", "...", "[ SEP ]"]
_MARKS = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")]


def hard_strings(count: int, seed: int = 0, words: Sequence[str] = ()) -> Iterator[str]:
    """`count` strings of hard parts, of known `words` and of characters of all kinds; the same for the same `seed`."""
    draw = random.Random(seed)
    kinds = [*PIECES, "space", "invisible", "ideograph", "mark", "marks", "any", "long", "known"]
    for number in range(count):
        length = draw.choice((0, 1, 2, 3, 5, 8, 13)) if number % 50 else 60
        # Half of the strings mix everything; the others keep to two kinds, which meet all the more often.
        mixed = kinds if number % 2 else draw.choices(kinds, k=2)
        pieces = [_piece(draw, draw.choice(mixed), words) for _ in range(length)]
        yield draw.choice(("", "", " ")).join(pieces)


def _piece(draw, kind, words):
    if kind in PIECES:
        return draw.choice(PIECES[kind])
    if kind == "space":
        return draw.choice(SPACES)
    if kind == "invisible":
        return draw.choice(INVISIBLE)
    if kind == "ideograph":
        return chr(draw.randint(*draw.choice(IDEOGRAPHS)))
    if kind == "mark":
        return draw.choice(_MARKS)
    if kind == "marks":
        return draw.choice("aéक한") + "".join(draw.choices(_MARKS, k=draw.randint(2, 4)))
    if kind == "long":
        part = draw.choice(("a", "é", "ab", "한", "e\u0301", "\u200ba", "ﬃ"))
        return part * draw.choice((49, 50, 99, 100, 101, 150, 201))
    if kind == "known" and words:
        word = draw.choice(words)
        return draw.choice((word, word.upper(), word.capitalize(), f"{word}s", unicodedata.normalize("NFD", word)))
    return _any_character(draw)


def _any_character(draw):
    """From every plane, assigned or not."""
    code_point = draw.randrange(draw.choice((0x250, 0x3000, 0x10000, 0x20000, 0x110000)))
    return chr(code_point) if not 0xD800 <= code_point < 0xE000 else "\ufffe"
