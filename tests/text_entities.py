"""Texts that are hard to cut, and where words begin and end in them, told by Python's Unicode tables."""

import random
import unicodedata

WORDS = [
    "Rome",
    "caf\u00e9",
    "cafe\u0301",
    "A\u030angstro\u0308m",
    "\u00c5ngstr\u00f6m",
    "Stra\u00dfe",
    "\ufb01n",
    "\u0130stanbul",
    "\u0627\u0644\u0642\u064e\u0627\u0647\u0650\u0631\u0629",
    "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
    "\ud55c\uad6d",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f44b\U0001f3fd",
    "\u2764\ufe0f",
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "Lo\u00adn\u200bdon",
    "x\u0000y",
    "42",
]
ALONE = ["\u5317", "\u4eac", "\u3042\u30ab", "!", ".", "\u3002", "\uff08", "'", "\u2019", "$", "!\u0301"]
BETWEEN = [
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2028",
    " \u200b",
    "\u0000 ",
    " \u001f ",
    "\u0085 ",
    "\ufeff ",
]


def hard_texts(count, seed):
    """Random rows of words, punctuation, ideographs, and what stands between words."""
    rng = random.Random(seed)
    parts = [*WORDS, *ALONE, *BETWEEN * 2]
    return ["".join(rng.choices(parts, k=rng.randrange(12))) for _ in range(count)]


def planted_text(seed):
    """A text, and where in it one or two words stand that are to be found as one entity: (text, start, end)."""
    rng = random.Random(seed)
    before, after = (
        "".join(part + rng.choice(BETWEEN) for part in rng.choices([*WORDS, *ALONE], k=rng.randrange(4))) for _ in "ab"
    )
    entity = rng.choice(WORDS) + rng.choice(["", " " + rng.choice(WORDS), "\u00a0" + rng.choice(WORDS)])
    text = before + entity + rng.choice(["", "\u200b", "\u0000", "."]) + rng.choice(BETWEEN) + after
    return text, len(before), len(before) + len(entity)


def kind(character):
    category = unicodedata.category(character)
    if character.isspace() or category[0] == "Z":
        return "space"
    if "\U000e0020" <= character <= "\U000e007f" or category[0] == "M":
        return "mark"
    if category in ("Cc", "Cf") or character == "\ufffd":
        return "dropped"
    is_ideograph = "\u4e00" <= character <= "\u9fff"
    is_ascii_symbol = character.isascii() and not character.isalnum()
    return "alone" if category[0] == "P" or is_ideograph or is_ascii_symbol else "word"


def begins_a_word(text, start):
    """Whether a word of `text` begins at `start`."""
    if kind(text[start]) not in ("word", "alone"):
        return False
    before = [kind(character) for character in reversed(text[:start]) if kind(character) not in ("mark", "dropped")]
    return kind(text[start]) == "alone" or not before or before[0] != "word"


def ends_a_word(text, end):
    """Whether a word of `text` ends in front of `end`."""
    if kind(text[end - 1]) in ("space", "dropped") or (end < len(text) and kind(text[end]) == "mark"):
        return False
    last = next(kind(character) for character in reversed(text[:end]) if kind(character) not in ("mark", "dropped"))
    behind = [kind(character) for character in text[end:] if kind(character) not in ("mark", "dropped")]
    return last == "alone" or not behind or behind[0] != "word"
