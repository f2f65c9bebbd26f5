"""Prose into sentences."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CLOSERS = "\"'”’)\\]}»`*_"
_OPENERS = "\"'“‘(\\[{«`*_¿¡"
_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"

_IDEOGRAPH = re.compile(f"[{_CJK}]")

# A stop, whatever closes after it, then white space. What stands on both sides decides whether a sentence ends here.
_ENGLISH_STOP = re.compile(rf"(?P<stop>[.!?…]+)(?P<closers>[{_CLOSERS}]*)\s+(?=(?P<openers>[{_OPENERS}]*)(?P<next>\S))")
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘/—]+$")
_FIRST_WORD = re.compile(r"[A-Za-z']+")
# Chinese needs no white space after a stop; a comma or another pause after it means that the sentence goes on.
_CHINESE_STOP = re.compile(r"[。！？!?…]++[」』”’）》】〉\"')]*+(?![，、；：,;:=])")

# Never the end of a sentence: something must follow them.
_LEADING = _words(
    "e.g i.e eg ie cf viz vs v al ca approx mr mrs ms mx dr prof st sr jr rev hon gen col capt lt sgt gov sen rep pres "
    "messrs mme mlle fig figs eq eqs sec secs ch chap vol vols no nos pp p pt art ed eds trans resp incl excl "
    "jan feb mar apr jun jul aug sept sep oct nov dec"
)
# Ordinary words or names as well: only a number after the stop shows the abbreviation ("No. 5", "he said no. Then").
_ALSO_WORDS = _words("no nos p v art ed eds sec mar jun sept sen rep col gen pt ca ch pp")
# Words that begin a sentence far more often than they follow an abbreviation as its noun: "the U.S. It is" splits,
# "the U.S. Army" does not.
_STARTERS = _words(
    "a all also although an and any as at because but by each every for from he her here his how however i if in it "
    "its many most my no note on once one or other our see she since so some such that the their then there these "
    "they this those though thus to under use we what when where whether which while who why with you your"
)


def split_sentences(text: str, language: str = "auto") -> list[str]:
    """The sentences of running prose, in order, each on one line with single spaces.

    A line end is white space and a blank line always ends a sentence. English: a sentence ends at `.`, `!`, `?` or
    `…` with the quotes and brackets that close after it, when white space follows and the next word looks like a
    beginning (a capital, a digit, an opening quote); known abbreviations, initials, decimals and dotted names do not
    end one. Chinese: a sentence ends at `。`, `！`, `？` or `…` with what closes after it, and needs no white space.
    Nothing but white space is dropped.

    Args:
        text: prose, possibly of several paragraphs.
        language: `"en"`, `"zh"`, or `"auto"` (default), which takes Chinese for each paragraph in which at least a
            fifth of the letters are Chinese characters.

    Returns:
        The non-empty sentences; an empty list for blank text.

    Raises:
        ValueError: for another language.

    Example:
        >>> split_sentences("Dr. Wu paid $3.50, e.g. for tea. 'Good!' she said. Then she left.")
        ['Dr. Wu paid $3.50, e.g. for tea.', "'Good!' she said.", 'Then she left.']
        >>> split_sentences("今天下雨。你带伞了吗？“没有！”")
        ['今天下雨。', '你带伞了吗？', '“没有！”']
    """
    if language not in ("auto", "en", "zh"):
        raise ValueError(f'`language` must be "en", "zh" or "auto". Received: {language!r}.')
    sentences = []
    for paragraph in re.split(r"\n[^\S\n]*\n", text):
        chinese = language == "zh" or (language == "auto" and _is_chinese(paragraph))
        pieces = _split_chinese(paragraph) if chinese else _split_english(paragraph)
        sentences += [sentence for piece in pieces if (sentence := " ".join(piece.split()))]
    return sentences


def _is_chinese(text: str) -> bool:
    if text.isascii() or not (ideographs := len(_IDEOGRAPH.findall(text))):
        return False
    return ideographs * 5 >= sum(map(str.isalpha, text))


def _split_chinese(text: str) -> list[str]:
    # A wrapped line is no space between two Chinese characters.
    text = re.sub(rf"(?<=[{_CJK}，。、；：])\s*\n\s*(?=[{_CJK}])", "", text)
    ends = [match.end() for match in _CHINESE_STOP.finditer(text)]
    return [piece for part in _cut(text, ends) for piece in _split_english(part)]


def _split_english(text: str) -> list[str]:
    return _cut(text, [match.end() for match in _ENGLISH_STOP.finditer(text) if _ends_a_sentence(text, match)])


def _ends_a_sentence(text: str, match: re.Match) -> bool:
    following = match["next"]
    if following.islower() and "`" not in match["openers"]:  # a sentence may begin with `code`
        return False
    if not (following.isalnum() or match["openers"]):
        return False
    if match["stop"] != ".":
        return True
    before = _LAST_WORD.search(text, max(0, match.start() - 40), match.start())
    word = before[0].lower() if before else ""
    if word in _LEADING:
        return word in _ALSO_WORDS and not following.isdigit()
    if re.fullmatch(r"[a-z](\.[a-z])*", word) and (len(word) > 1 or before[0].isupper()):
        first = _FIRST_WORD.match(text, match.end("openers"))
        return bool(match["closers"]) or (first is not None and first[0].lower() in _STARTERS)
    return True


def _cut(text: str, ends: list[int]) -> list[str]:
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
