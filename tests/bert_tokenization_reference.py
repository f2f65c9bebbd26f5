"""BERT's tokenization in plain Python, written from the description in Devlin et al. (2018) and Google's README.

Slow and obvious on purpose: the yardstick that the in-graph tokenizer is compared with.
"""

import unicodedata

CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_space(character: str) -> bool:
    return character in " \t\n\r" or unicodedata.category(character) == "Zs"


def is_dropped(character: str) -> bool:
    if character in "\t\n\r":
        return False
    return character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf")


def is_punctuation(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def is_cjk(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in CJK_BLOCKS)


def lower_and_strip_accents(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")


def basic_words(text: str, lowercase: bool) -> list[str]:
    """Words and punctuation marks of `text`, cleaned and normalised."""
    cleaned = []
    for character in text:
        if is_dropped(character):
            continue
        if is_space(character):
            cleaned.append(" ")
        elif is_cjk(character):
            cleaned.append(f" {character} ")
        else:
            cleaned.append(character)
    words = []
    for word in "".join(cleaned).split():
        if lowercase:
            word = lower_and_strip_accents(word)
        spaced = "".join(f" {character} " if is_punctuation(character) else character for character in word)
        words.extend(spaced.split())
    return words


def wordpieces(word: str, vocabulary, unknown: str = "[UNK]", max_characters: int = 200) -> list[str]:
    """Greedy longest match first; a word with a hole in it becomes one unknown token."""
    if len(word) > max_characters:
        return [unknown]
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocabulary:
                pieces.append(prefix + word[start:end])
                start = end
                break
        else:
            return [unknown]
    return pieces


def split_special(text: str, special_tokens) -> list[str]:
    """`text` cut around special tokens, leftmost first and longest first; the special tokens stand as own items."""
    longest_first = sorted(special_tokens, key=len, reverse=True)
    parts, start, at = [], 0, 0
    while at < len(text):
        found = next((token for token in longest_first if text.startswith(token, at)), None)
        if found is None:
            at += 1
            continue
        parts += [text[start:at], found]
        at += len(found)
        start = at
    return [*parts, text[start:]]


def tokenize(text: str, vocabulary, lowercase=True, special_tokens=(), max_characters=200) -> list[str]:
    """Tokens of `text`; `vocabulary` is any container of tokens with a fast `in`."""
    tokens = []
    for part in split_special(text, special_tokens) if special_tokens else [text]:
        if part in special_tokens:
            tokens.append(part)
            continue
        for word in basic_words(part, lowercase):
            tokens.extend(wordpieces(word, vocabulary, max_characters=max_characters))
    return tokens
