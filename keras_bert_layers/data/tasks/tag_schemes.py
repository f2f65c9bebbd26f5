"""Entities as tags of words and back, in the schemes that data sets are written in."""

from collections.abc import Iterable, Sequence

from keras_bert_layers.text.tag_letters import MEANING, NO_TYPE, OUTSIDE, begins_entity, split_tag

# The letters of an entity of one word, and of the first, the inner and the last word of a longer one.
SCHEMES = {"BIO": "BBII", "BIOES": "SBIE", "BMES": "SBME", "BILOU": "UBIL", "IOB1": "IIII"}

Span = tuple[int, int, str]


def spans_from_tags(tags: Sequence[str], scheme: str = "BIO") -> list[Span]:
    """The entities that a sentence's tags mark.

    An entity begins at B and S, at every tag behind O, E or S, and where the type changes; it goes on to the next tag
    that begins one, or to O. So also tags that break the rules of their scheme (an I- behind O) have a reading: that of
    conlleval, and the default one of seqeval.

    Args:
        tags: one for each word: `O`, or a letter, a hyphen and a type. A letter alone has the type `_`.
        scheme: `"BIO"` (IOB2), `"BIOES"` (IOBES), `"BMES"`, `"BILOU"` or `"IOB1"`. Defaults to `"BIO"`.

    Returns:
        A list of (start, end, type): the number of the first word, of the first word behind it, and the type.

    Raises:
        ValueError: if a tag is none of the scheme.

    Example:
        >>> spans_from_tags(["B-PER", "I-PER", "O", "I-LOC"])
        [(0, 2, 'PER'), (3, 4, 'LOC')]

    Reference:
        Tjong Kim Sang and Buchholz 2000, Introduction to the CoNLL-2000 Shared Task: Chunking.
    """
    spans, meaning_before, type_before = [], OUTSIDE, ""
    for position, tag in enumerate(tags):
        letter, entity_type = _split(tag, scheme)
        meaning = MEANING.get(letter, OUTSIDE)
        if begins_entity(meaning, entity_type == type_before, meaning_before):
            spans.append((position, position + 1, entity_type))
        elif meaning != OUTSIDE:
            spans[-1] = (spans[-1][0], position + 1, entity_type)
        meaning_before, type_before = meaning, entity_type
    return spans


def tags_from_spans(spans: Iterable[Span], num_words: int, scheme: str = "BIO") -> list[str]:
    """One tag for each word of a sentence with these entities.

    Args:
        spans: (start, end, type), in any order, none over another.
        num_words: int. The words of the sentence.
        scheme: as in `spans_from_tags`.

    Raises:
        ValueError: if spans overlap, are empty, or go beyond the sentence.

    Example:
        >>> tags_from_spans([(0, 3, "PER"), (4, 5, "LOC")], 5, "BIOES")
        ['B-PER', 'I-PER', 'E-PER', 'O', 'S-LOC']
    """
    alone, first, inner, last = _letters(scheme)
    tags, end_before, type_before = [], 0, None
    for start, end, entity_type in sorted(spans):
        if not end_before <= start < end <= num_words:
            raise ValueError(
                f"Entities have one word or more, do not overlap and end within the sentence of {num_words} words. "
                f"Received {(start, end, entity_type)} behind one that ends at {end_before}."
            )
        letters = alone if end == start + 1 else first + inner * (end - start - 2) + last
        # IOB1 has a B only where an entity would else go on.
        if scheme == "IOB1" and start == end_before and entity_type == type_before:
            letters = "B" + letters[1:]
        suffix = "" if entity_type == NO_TYPE else f"-{entity_type}"
        tags += [OUTSIDE] * (start - end_before) + [letter + suffix for letter in letters]
        end_before, type_before = end, entity_type
    return tags + [OUTSIDE] * (num_words - end_before)


def convert_tags(tags: Sequence[str], source: str, target: str) -> list[str]:
    """The same entities in another scheme; tags that break the rules of `source` come out mended.

    Example:
        >>> convert_tags(["B-NAME", "M-NAME", "E-NAME", "O"], "BMES", "BIO")
        ['B-NAME', 'I-NAME', 'I-NAME', 'O']
    """
    return tags_from_spans(spans_from_tags(tags, source), len(tags), target)


def invalid_positions(tags: Sequence[str], scheme: str = "BIO") -> list[int]:
    """Where a sentence's tags break the rules of their scheme: where the mended tags are other ones.

    Example:
        >>> invalid_positions(["O", "I-PER", "I-PER", "B-LOC"])
        [1]
    """
    mended = convert_tags(tags, scheme, scheme)
    return [position for position, (tag, right) in enumerate(zip(tags, mended, strict=True)) if tag != right]


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme that the tags of many sentences are written in, told by their letters.

    BIO and IOB1 have the same letters: it is IOB1 if every B stands directly behind a word of its type, and some entity
    begins with an I.

    Args:
        sentences: the tags of each sentence.

    Raises:
        ValueError: if a tag is none of any scheme, or the letters belong to different ones.

    Example:
        >>> detect_scheme([["B-PER", "I-PER", "O"], ["B-LOC"]])
        'BIO'
    """
    letters, always_behind_its_type, begins_with_i = set(), True, False
    for tags in sentences:
        letter_before, type_before = OUTSIDE, ""
        for tag in tags:
            letter, entity_type = split_tag(tag)
            letters.add(letter)
            if letter == "B":
                always_behind_its_type &= entity_type == type_before
            begins_with_i |= letter == "I" and (letter_before == OUTSIDE or entity_type != type_before)
            letter_before, type_before = letter, entity_type
    letters.discard(OUTSIDE)
    if letters <= set("BI"):
        return "IOB1" if begins_with_i and always_behind_its_type else "BIO"
    for scheme in ("BIOES", "BMES", "BILOU"):
        if letters <= set(SCHEMES[scheme]):
            return scheme
    raise ValueError(
        f"The letters {', '.join(sorted(letters))} of these tags belong to no one scheme. There are "
        f"{', '.join(SCHEMES)}; a data set in several is converted first, by `convert_tags`."
    )


def continuation_labels(labels: Sequence[str]) -> list[int]:
    """For each of a model's tags, the one of the later pieces of its word: the inside tag after B-, else the same.

    Example:
        >>> continuation_labels(["O", "B-PER", "I-PER", "S-PER"])
        [0, 2, 2, 3]
    """
    numbers = {label: number for number, label in enumerate(labels)}

    def inside(label):
        found = [f"{letter}{label[1:]}" for letter in "IM"] if label[:2] in ("B", "B-") else []
        return next((numbers[tag] for tag in found if tag in numbers), numbers[label])

    return [inside(label) for label in labels]


def _letters(scheme: str) -> str:
    if scheme not in SCHEMES:
        raise ValueError(f"`scheme` must be one of {', '.join(map(repr, SCHEMES))}. Received: {scheme!r}.")
    return SCHEMES[scheme]


def _split(tag: str, scheme: str) -> tuple[str, str]:
    letters = {*_letters(scheme), "B", OUTSIDE}
    letter, entity_type = split_tag(tag)
    if letter not in letters:
        raise ValueError(
            f"Tags of the scheme {scheme} begin with {', '.join(sorted(letters))}. Received: {tag!r}. The scheme of a "
            "data set is told by `detect_scheme`."
        )
    return letter, entity_type
