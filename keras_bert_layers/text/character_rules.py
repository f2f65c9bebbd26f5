"""What each published BERT tokenizer knows about a single character: Google's original, and Hugging Face's."""

import bisect
import unicodedata
from dataclasses import dataclass, field

# Hugging Face's tables end at Unicode 8: the format characters, marks, punctuation and compositions in these ranges
# came later and mean nothing to it. (What else stands in them, letters mostly, is treated alike in any case.)
_NEWER_THAN_HUGGING_FACE = (
    *((0x5C8, 0x5C9), (0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76), (0xAFA, 0xAFF)),
    *((0xB53, 0xB55), (0xC04, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84), (0xD00, 0xD00), (0xD3B, 0xD3C), (0xD81, 0xD81)),
    *((0xEBA, 0xEBA), (0xECE, 0xECE), (0x1715, 0x1715), (0x180F, 0x1886), (0x1ABF, 0x1AF0), (0x1B4E, 0x1B4F)),
    *((0x1B7D, 0x1B7F), (0x1DF6, 0x1DFB), (0x2E43, 0x2E63), (0xA82C, 0xA82C), (0xA8C5, 0xA8C5), (0xA8FF, 0xA8FF)),
    *((0xA9BD, 0xA9BD), (0x105C9, 0x105E4), (0x10D24, 0x10F89), (0x11070, 0x11074), (0x110C2, 0x110CD)),
    *((0x111C9, 0x111C9), (0x111CF, 0x111CF), (0x1123E, 0x11241), (0x1133B, 0x1133B), (0x11383, 0x1145E)),
    *((0x11660, 0x1166C), (0x116B9, 0x116B9), (0x1182F, 0x11FFF), (0x12FF1, 0x1612F), (0x16D68, 0x16F4F)),
    *((0x16FE2, 0x16FF1), (0x1CF00, 0x1D128), (0x1D250, 0x1D281), (0x1E000, 0x1E6F5), (0x1E944, 0x1E95F)),
)
# Only its composition table is of Unicode 9, and so knows the order of these marks.
_MARKS_OF_UNICODE_9 = (
    (0x8D4, 0x8E1),
    (0x1DFB, 0x1DFB),
    (0x11442, 0x11446),
    (0x11C3F, 0x11C3F),
    (0x1E000, 0x1E02A),
    (0x1E944, 0x1E94A),
)
# What Unicode 8 said of four characters that were reclassified since.
_CATEGORIES_OF_UNICODE_8 = {0x166D: "Po", 0x111C9: "Po", 0x1734: "Mn", 0x1171E: "Mn"}
# Lowercasing is of Unicode 17: capitals that Python learns later than that, as (first, last, first small letter).
_CAPITALS_OF_UNICODE_17 = (
    (0x1C89, 0x1C89, 0x1C8A),
    (0xA7CB, 0xA7CB, 0x264),
    *((code, code, code + 1) for code in (0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA)),
    (0xA7DC, 0xA7DC, 0x19B),
    (0x10D50, 0x10D65, 0x10D70),
    (0x16EA0, 0x16EB8, 0x16EBB),
)
_SMALL_LETTERS_OF_UNICODE_17 = {
    chr(code): chr(small + code - first)
    for first, last, small in _CAPITALS_OF_UNICODE_17
    for code in range(first, last + 1)
}


def _is_in(ranges, code_point):
    """Whether one of the ascending `ranges` has the code point."""
    before = bisect.bisect_right(ranges, code_point, key=lambda pair: pair[0])
    return before > 0 and code_point <= ranges[before - 1][1]


@dataclass(frozen=True)
class CharacterRules:
    """The rules of one tokenizer; `RULES` holds them under their names.

    Args:
        name: the name in `RULES`.
        dropped: Unicode categories of characters that are removed.
        ideographs: ranges (first, last) of code points that stand alone, as punctuation does.
        max_characters_per_word: int. Longer words are unknown.
        has_final_sigma: bool. Whether Σ at the end of a word is lowercased to ς.
        offsets_end_with_kept_character: bool. Whether a token ends where its last character does, or goes on over
            characters that are dropped behind it.
        newer: ranges of code points that the tokenizer's Unicode tables do not know.
        ordered: ranges in `newer` whose canonical order it knows all the same.
        categories: code point -> category, where it differs from Python's.
        small_letters: capital -> small letter, where Python may not know.
    """

    name: str
    dropped: frozenset[str]
    ideographs: tuple[tuple[int, int], ...]
    max_characters_per_word: int
    has_final_sigma: bool
    offsets_end_with_kept_character: bool
    newer: tuple[tuple[int, int], ...] = ()
    ordered: tuple[tuple[int, int], ...] = ()
    categories: dict[int, str] = field(default_factory=dict, hash=False)
    small_letters: dict[str, str] = field(default_factory=dict, hash=False)

    def category(self, character: str) -> str:
        """The Unicode category, "Cn" for what the tables do not know."""
        code_point = ord(character)
        if code_point in self.categories:
            return self.categories[code_point]
        category = unicodedata.category(character)
        return "Cn" if category[0] in "MPC" and _is_in(self.newer, code_point) else category

    def normalize(self, character: str, lowercase: bool, strip_accents: bool) -> str:
        """What becomes of one character; the empty string when it is dropped.

        NUL, U+FFFD and the `dropped` categories go; every kind of space becomes " "; then lowercasing, then NFD without
        combining marks (Mn).
        """
        if character in "\t\n\r" or (character.isspace() and unicodedata.category(character)[0] == "Z"):
            return " "
        if self.is_dropped(character):
            return ""
        if lowercase:
            character = self.small_letters.get(character) or character.lower()
        if strip_accents:
            decomposed = unicodedata.normalize("NFD", character)
            if decomposed != character and not _is_in(self.newer, ord(character[0])):
                character = decomposed
            character = "".join(mark for mark in character if self.category(mark) != "Mn")
        return character

    def is_dropped(self, character: str) -> bool:
        return character not in "\t\n\r" and (self.category(character) in self.dropped or character in "\0\ufffd")

    def is_ideograph(self, character: str) -> bool:
        return _is_in(self.ideographs, ord(character))

    def is_punctuation(self, character: str) -> bool:
        if character.isascii():
            return character.isprintable() and not character.isalnum() and character != " "
        return self.category(character).startswith("P")

    def combining_class(self, character: str) -> int:
        """The place of a mark among others behind one letter (Unicode's canonical combining class); 0 for a letter."""
        code_point = ord(character)
        if _is_in(self.newer, code_point) and not _is_in(self.ordered, code_point):
            return 0
        # Four marks are of class 0 and stand for two others each.
        return unicodedata.combining(unicodedata.normalize("NFD", character)[0])


GOOGLE = CharacterRules(
    name="google",
    dropped=frozenset({"Cc", "Cf"}),
    ideographs=(
        (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF),
        (0xF900, 0xFAFF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2CEAF),
        (0x2F800, 0x2FA1F),
    ),
    max_characters_per_word=200,
    has_final_sigma=True,
    offsets_end_with_kept_character=False,
)

HUGGING_FACE = CharacterRules(
    name="huggingface",
    dropped=frozenset({"Cc", "Cf", "Co"}),
    # As GOOGLE's, less the first 256 of CJK extension E.
    ideographs=(*GOOGLE.ideographs[:4], (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F)),
    max_characters_per_word=100,
    has_final_sigma=False,
    offsets_end_with_kept_character=True,
    newer=_NEWER_THAN_HUGGING_FACE,
    ordered=_MARKS_OF_UNICODE_9,
    categories=_CATEGORIES_OF_UNICODE_8,
    small_letters=_SMALL_LETTERS_OF_UNICODE_17,
)

RULES = {rules.name: rules for rules in (GOOGLE, HUGGING_FACE)}
