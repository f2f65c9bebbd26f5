"""What the letter before an entity tag says: B-PER begins a person, whichever tagging scheme it is written in."""

from collections.abc import Iterable

OUTSIDE = "O"
# M, L and U are the same three places under other names (BMES, BILOU).
MEANING = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
# Of a tag that is a letter alone, as in word segmentation.
NO_TYPE = "_"


def split_tag(tag: str) -> tuple[str, str]:
    """The letter of a tag and its type: `("B", "PER")` of `B-PER`, `("O", "")` of `O`.

    Raises:
        ValueError: if it is no tag of a scheme with letters.

    Example:
        >>> split_tag("I-event-name"), split_tag("S")
        (('I', 'event-name'), ('S', '_'))
    """
    letter, hyphen, entity_type = tag.partition("-")
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if letter not in MEANING or bool(hyphen) != bool(entity_type):
        raise ValueError(
            f"An entity tag is {OUTSIDE!r}, or one of the letters {', '.join(MEANING)} with a hyphen and a type, such "
            f"as 'B-PER'. Received: {tag!r}. Tags of words, such as parts of speech, mark no entities."
        )
    return letter, entity_type or NO_TYPE


def begins_entity(meaning: str, same_type: bool, meaning_before: str) -> bool:
    """Whether an entity begins at a tag; every other tag but O continues the one before it.

    Args:
        meaning: the tag's, one of `O B I E S`.
        same_type: whether the tag before it has the same type.
        meaning_before: that of the tag before it, O at the start of a sentence.
    """
    return meaning != OUTSIDE and (meaning in "BS" or meaning_before in "OES" or not same_type)


def entity_types(labels: Iterable[str]) -> list[str]:
    """The types in a set of tags, sorted.

    Example:
        >>> entity_types(["O", "B-PER", "I-PER", "B-LOC"])
        ['LOC', 'PER']
    """
    return sorted({entity_type for _, entity_type in map(split_tag, labels) if entity_type})
