"""Strings that are hard to tokenize, a generator of more, and a vocabulary in which they leave traces."""

import random
import unicodedata

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

HARD_STRINGS = {
    "empty": "",
    "only spaces": " \t\n ",
    "plain": "The quick brown fox didn't jump.",
    "punctuation runs": "a.b..c!?--d_e$5.00 `x` ~^",
    "hash signs": "##ing # ## ab##cd",
    "accents composed": "Café naïve Ångström Ḱ",
    "accents decomposed": "Cafe\u0301 n\u0323\u0301",
    "sharp s": "Straße GROẞ",
    "final sigma": "ΟΔΟΣ ΣΑΣ. ΟΔΟΣ' Σ 'ΑΣ'Β ΑΣ\u00adΒ",
    "dotted capital i": "İstanbul DİYARBAKIR ı",
    "ligatures": "ﬁne ŉ ǅ ĳ ﬆ",
    "compatibility forms": "½ ² ™ ℃ ª º … ‼ Ⅷ Ⓐ ㎏ ﷺ",
    "full-width": "ＡＢＣ，。！１２",
    "Kelvin, Ohm, Angstrom": "K Ω Å",
    "decomposes to punctuation": "a\u037eb ≠ ≮ \u1fefx \u0340a",
    "ideographs": "我喜欢bert模型 日本語と한국어",
    "ideographs of planes 2 and compatibility": "a\U00020000b \uf900c \U0002f800d 㐀",
    "jamo": "각 값 ᄀ",
    "emoji with joiners": "👩‍👩‍👧 👍🏽 🇩🇪 ✈️",
    "right to left": "שָׁלוֹם עליכם العَرَبِيَّة \u200fab\u202bcd\u202c",
    "thai, hindi, tamil": "สวัสดีำ नमस्ते தமிழ்",
    "control and zero width": "a\x00b\x01c\u200bd\ufeffe\u00adf\x7fg\x85h",
    "replacement character": "a\ufffdb \ufffd",
    "spaces of all kinds": "a\u00a0b\u1680c\u2003d\u2028e\u2029f\u202fg\u3000h\u205fi\rj\x0bk",
    "mongolian separator": "a\u180eb",
    "word of 199": "a" * 199,
    "word of 200": "a" * 200,
    "word of 201": "a" * 201,
    "200 wide characters": "é" * 200 + " b",
    "201 wide characters": "x " + "é" * 201 + "!y",
    "201 letters, 1 after accents": "a" + "\u0301" * 200,
    "201 letters, cut by punctuation": "a" * 150 + "-" + "a" * 150,
    "long words beside a short one": "a" * 300 + " b " + "c" * 300 + ".",
    "special tokens": "[CLS] a [SEP]b[MASK]. [PAD][UNK]",
    "special tokens misspelled": "[cls] [MASK [ MASK] [Sep]",
    "special tokens nested": "[[MASK]] [CLS[SEP]]",
    "special token and sigma": "ΟΔΟΣ[SEP]Σ\x00[MASK]",
    "marks out of order": "a\u302e\ua953b \ua953\u302ec \u1baa\u0301\U0001d165x é\u302f\ua953 a\u302e\u200b\ua953",
    "marks out of order beside special tokens": "[MASK\u200b]\u302e\ua953 [SEP]\u302e\ua953",
    "marks that are two": "a\u302e\u0f81\ua953 \u0344",
    "cherokee": "Ꭰᏸ ꭰ",
    "cased pairs beyond plane 0": "𐐀𐐨 𞤀",
}

_PIECES = [
    *"aäbcΣσςΑßİıé中한א",
    *HARD_STRINGS.values(),
    *(" ", "\t", ".", "'", "’", "\u00ad", "\u0301", "\u0345", "\x00", "\u2028", "[SEP]", "[MASK]", "word", "##"),
]


def stable_characters() -> list[str]:
    """Characters that every Unicode version in use agrees upon: those of Unicode 3.2."""
    code_points = (*range(1, 0xD800), *range(0xE000, 0x30000))
    return [chr(point) for point in code_points if unicodedata.ucd_3_2_0.category(chr(point)) not in ("Cn", "Co")]


SOME_CHARACTERS = random.Random(0).sample(stable_characters(), 2000)


def generated_strings(count: int, seed: int) -> list[str]:
    """`count` strings, half of them shuffled from hard parts and half drawn from many scripts."""
    draw = random.Random(seed)
    parts = [piece for piece in _PIECES if len(piece) < 100]
    return [
        "".join(draw.choices(parts if number % 2 else SOME_CHARACTERS, k=draw.randrange(12))) for number in range(count)
    ]


def character_vocabulary(characters=tuple(SOME_CHARACTERS)) -> list[str]:
    """Special tokens, and every character as a token and as a continuation, so that no difference hides in [UNK]."""
    alone = {*characters, *"".join(HARD_STRINGS.values())}
    forms = {form for character in alone for form in unicodedata.normalize("NFD", character.lower())}
    characters = sorted(character for character in alone | forms if character.isprintable() and character != " ")
    joined = ["##ab", "ab", "the", "##of", "##áb", "a.b", "##..", "x y"]
    return [*SPECIAL_TOKENS, *characters, *(f"##{character}" for character in characters), *joined]
