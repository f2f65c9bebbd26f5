"""BERT's text cleaning as a table from characters to strings, in the form tensorflow_text's normaliser op reads.

The op `FastBertNormalize` maps every character through a trie that travels as a constant. The trie that
tensorflow_text builds folds case by NFKC_Casefold, and so turns ß into ss, … into three dots and the full-width ， of
Chinese text into an ASCII comma, which is not what the published vocabularies were made with. This module builds the
trie of BERT's own rules instead: the op stays as fast, keeps its offsets, and gives Google's tokens.
"""

import functools
import unicodedata

import flatbuffers
import numpy as np

# Layout of a mapped value in the trie: a flag, 24 bits of offset into the string pool, 6 bits of length in bytes.
_CHANGED, _LENGTH_BITS = 0x40000000, 6
# A double-array unit with the top bit set carries a value, or nothing: no byte label ever equals it.
_VALUE, _HAS_VALUE = 0x80000000, 0x100
# Where cased, accented, spacing or format characters live; the planes between hold only ideographs and private use.
_CODE_POINTS = (*range(0x1, 0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE1000))


def normalize_character(character: str, lowercase: bool, strip_accents: bool) -> str:
    """What BERT's basic tokenization makes of one character; the empty string when it is dropped.

    NUL, U+FFFD, control and format characters (Cc, Cf) go; every kind of space becomes " "; then `str.lower`, then NFD
    without combining marks (Mn).
    """
    category = unicodedata.category(character)
    if character in "\t\n\r" or category in ("Zs", "Zl", "Zp"):
        return " "
    if character in "\0\ufffd" or category in ("Cc", "Cf"):
        return ""
    if lowercase:
        character = character.lower()
    if strip_accents:
        decomposed = unicodedata.normalize("NFD", character)
        character = "".join(mark for mark in decomposed if unicodedata.category(mark) != "Mn")
    return character


@functools.cache
def build_normalizer_model(lowercase: bool, strip_accents: bool) -> np.ndarray:
    """The `fast_bert_normalizer_model` of BERT's rules.

    Args:
        lowercase: bool. Whether letters are lowercased as by `str.lower`.
        strip_accents: bool. Whether text is decomposed (NFD) and combining marks (Mn) are dropped.

    Returns:
        uint8 [bytes of the flatbuffer]. Built in a quarter of a second, then cached.
    """
    pool, offsets, entries = bytearray(), {}, dict.fromkeys(_broken_sequences(), _CHANGED)
    for code_point in _CODE_POINTS:
        character = chr(code_point)
        normalized = normalize_character(character, lowercase, strip_accents)
        if normalized == character:
            continue
        value = normalized.encode()
        if value not in offsets:
            offsets[value] = len(pool)
            pool += value
        entries[character.encode()] = _CHANGED | offsets[value] << _LENGTH_BITS | len(value)
    builder = flatbuffers.Builder(0)
    trie = builder.CreateNumpyVector(_double_array(entries))
    strings = builder.CreateNumpyVector(np.frombuffer(bytes(pool), "uint8"))
    builder.StartObject(4)
    builder.PrependBoolSlot(0, lowercase and strip_accents, False)
    builder.PrependUOffsetTRelativeSlot(1, trie, 0)
    builder.PrependInt32Slot(2, _CHANGED, 0)  # NUL, which no trie path can spell, maps to nothing
    builder.PrependUOffsetTRelativeSlot(3, strings, 0)
    builder.Finish(builder.EndObject())
    return np.frombuffer(bytes(builder.Output()), "uint8")


def _broken_sequences() -> list[bytes]:
    """Bytes that begin or continue no character: dropped, as by `bytes.decode(errors="ignore")`."""
    broken = [bytes([byte]) for byte in range(0x80, 0x100)]
    for lead in range(0xE0, 0xF5):
        first = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
        last = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
        broken += [bytes([lead, second]) for second in range(first, last + 1)]
        if lead >= 0xF0:
            broken += [bytes([lead, second, third]) for second in range(first, last + 1) for third in range(0x80, 0xC0)]
    return broken


def _double_array(entries: dict[bytes, int]) -> np.ndarray:
    """`entries` as a darts-clone double array: uint32 units, the child of node n for byte b at n ^ offset(n) ^ b.

    UTF-8 makes the layout simple: below the root, children are continuation bytes 0x80 to 0xBF. A page of 256 units
    serves two inner nodes, whose children fill its upper half; its lower half holds values.
    """
    labels = {}
    for key in entries:
        for end in range(len(key)):
            labels.setdefault(key[:end], set()).add(key[end])
    inner = sorted(labels, key=lambda prefix: (len(prefix), prefix))  # b"" first: the root
    # Unit 0 is the root, page 1 holds its children; the pages after it belong to the other inner nodes.
    base = {prefix: (2 + number // 2) * 256 + number % 2 * 64 for number, prefix in enumerate(inner[1:])}
    base[b""] = 256
    pages = 2 + (len(inner) + 1) // 2
    own_values = {base[prefix] for prefix in inner[1:]}
    spare = (
        unit for page in range(2, 1 << 13) for unit in range(page * 256, page * 256 + 128) if unit not in own_values
    )
    units, node = {}, {b"": 0}
    units[0] = (0 ^ base[b""]) << 10
    for prefix in inner:
        for label in sorted(labels[prefix]):
            key = prefix + bytes([label])
            node[key] = base[prefix] ^ label
            value_at = base[key] if key in base else next(spare)
            units[node[key]] = label | (node[key] ^ value_at) << 10
            if key in entries:
                units[node[key]] |= _HAS_VALUE
                units[value_at] = _VALUE | entries[key]
    array = np.full(max(pages * 256, max(units) + 1), _VALUE, "uint32")
    array[list(units)] = list(units.values())
    return array


@functools.cache
def final_sigma_pattern() -> str:
    """RE2 pattern of a Σ that `str.lower` makes ς: after a cased letter and before none, passing over marks.

    The one rule of lowercasing that looks beyond a single character; replace by `FINAL_SIGMA_REWRITE`.
    """
    ignorable, cased = [], []
    for code_point in _CODE_POINTS:
        character = chr(code_point)
        is_dropped = normalize_character(character, True, False) == ""
        if is_dropped or f"{character}Σ".lower()[-1] != "ς":
            # Python itself tells: behind an "a", only a cased or an ignorable character leaves the Σ final.
            if is_dropped or f"a{character}Σ".lower()[-1] == "ς":
                ignorable.append(code_point)
        else:
            cased.append(code_point)
    cased, ignorable = _character_class(cased), _character_class(ignorable)
    return f"([{cased}][{ignorable}]*)Σ([{ignorable}]*(?:[^{cased}{ignorable}]|$))"


FINAL_SIGMA_REWRITE = r"\1ς\2"


def _character_class(code_points: list[int]) -> str:
    """Ascending code points as the inside of an RE2 character class."""
    breaks = np.flatnonzero(np.diff(code_points) > 1) + 1
    runs = np.split(np.asarray(code_points), breaks)
    return "".join(rf"\x{{{run[0]:x}}}-\x{{{run[-1]:x}}}" for run in runs)
